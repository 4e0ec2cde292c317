#!/bin/sh
# Answer the development set (or with --held-out the sentences that the engine was not built for) and count.
#   run.sh ANSWER [--held-out]
# Held against the profile of a distribution's kernel, so that the outcome does not depend on the machine. Of the held-out sentences
# only the score is shown: they measure nothing any more once the engine's author has read them.
here=$(dirname "$0")
answer=$1
shift
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
if ! tar -xJf "$here/../profiles/debian-6.1-amd64.tar.xz" -C "$dir"; then
	echo "skip: devset: the fixture profile can't be unpacked (tar and xz are needed)"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi
python3 "$here/devset.py" asks "$@" >"$dir/asks" && "$answer" --profile "$dir" <"$dir/asks" >"$dir/answers" || exit 1
python3 "$here/devset.py" score "$@" <"$dir/answers" >"$dir/score"
outcome=$?
if [ "$1" = --held-out ]; then
	tail -n 2 "$dir/score"
else
	cat "$dir/score"
fi
exit $outcome
