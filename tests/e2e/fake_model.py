#!/usr/bin/env python3
"""A model server for tests, on the loopback address: the openai and the anthropic protocol, with their faults.

  fake_model.py --ready FILE --script FILE [--log FILE] [--port N] [--models A,B] [--key KEY] [--no-embeddings]

FILE of --ready gets the port once it listens. The script is a JSON list of answers; each request to a model takes the next one, and the
last one again for all that follow. An answer: {"text": "...", "fault": NAME, ...}; --log gets a JSON line for each request.

Faults: slow (a piece each "seconds" or 0.3 s), silent (nothing for "seconds"), cut (half a stream, then the end), broken (half a stream, then a reset),
json (not JSON), html, nostream (one JSON value instead of a stream), reasoning, odd (fields and events that nobody knows), crlf, nodone, empty,
length, filter, error (an error within the stream), endless, huge, array (content as parts), status ("status", "body", "headers"),
redirect, drop (the connection ends before an answer), adapt (400 until max_tokens, temperature and stream_options are as it wants).
"""
import argparse
import http.server
import json
import os
import socket
import struct
import threading
import time


def pieces(text, size=7):
    return [text[i:i + size] for i in range(0, len(text), size)] or [""]


class OpenAI:
    @staticmethod
    def events(answer, model):
        fault = answer.get("fault")
        base = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": model}
        if fault == "odd":
            yield {"choices": [], "prompt_filter_results": [{"x": None}]}
            yield {**base, "choices": [{"index": 0, "delta": {"role": "assistant", "content": None, "audio": 7}}], "usage": None, "obfuscation": "zz"}
        if fault in ("reasoning", "odd"):
            for piece in pieces("thinking about tracepoints, not part of the answer: ```\nnonsense\n```"):
                yield {**base, "choices": [{"index": 0, "delta": {"reasoning_content": piece}}]}
        for piece in pieces(answer.get("text", "")):
            content = [{"type": "text", "text": piece}] if fault == "array" else piece
            yield {**base, "choices": [{"index": 0, "delta": {"content": content}, "finish_reason": None}]}
        reason = {"length": "length", "filter": "content_filter"}.get(fault, "stop")
        yield {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
        yield {**base, "choices": [], "usage": {"prompt_tokens": answer.get("in", 100), "completion_tokens": answer.get("out", 20)}}

    @staticmethod
    def end():
        return "data: [DONE]\n\n"

    @staticmethod
    def whole(answer, model):
        return {"choices": [{"index": 0, "message": {"role": "assistant", "content": answer.get("text", "")}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": answer.get("in", 100), "completion_tokens": answer.get("out", 20)}}

    @staticmethod
    def endless():
        return {"choices": [{"index": 0, "delta": {"content": "and so on " * 400}}]}


class Anthropic:
    @staticmethod
    def events(answer, model):
        fault = answer.get("fault")
        yield {"type": "message_start", "message": {"id": "m", "role": "assistant", "content": [], "model": model,
                                                    "usage": {"input_tokens": answer.get("in", 100), "output_tokens": 1}}}
        yield {"type": "ping"}
        if fault in ("reasoning", "odd"):
            yield {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}}
            yield {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm ```\nnonsense\n```"}}
            yield {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "abc"}}
            yield {"type": "a_new_event", "x": [1]}
        yield {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}}
        for piece in pieces(answer.get("text", "")):
            yield {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": piece}}
        yield {"type": "content_block_stop", "index": 1}
        reason = {"length": "max_tokens", "filter": "refusal"}.get(fault, "end_turn")
        yield {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": answer.get("out", 20)}}
        if fault != "nodone":
            yield {"type": "message_stop"}

    @staticmethod
    def end():
        return ""

    @staticmethod
    def whole(answer, model):
        return {"type": "message", "role": "assistant", "content": [{"type": "text", "text": answer.get("text", "")}], "stop_reason": "end_turn",
                "usage": {"input_tokens": answer.get("in", 100), "output_tokens": answer.get("out", 20)}}

    @staticmethod
    def endless():
        return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "and so on " * 400}}


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, args):
        super().__init__(("127.0.0.1", args.port), Handler)
        self.args, self.taken, self.lock = args, 0, threading.Lock()

    def next_answer(self):
        with self.lock, open(self.args.script, encoding="utf-8") as f:
            script = json.load(f)
            answer = script[min(self.taken, len(script) - 1)]
            self.taken += 1
            return answer

    def log(self, entry):
        if self.args.log:
            with self.lock, open(self.args.log, "a", encoding="utf-8") as f:
                f.write(json.dumps(entry) + "\n")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def send(self, status, value, headers=None, kind="application/json"):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def is_allowed(self):
        key = self.server.args.key
        return not key or self.headers.get("Authorization") == f"Bearer {key}" or self.headers.get("x-api-key") == key

    def do_GET(self):
        self.server.log({"method": "GET", "path": self.path, "headers": dict(self.headers)})
        if self.path == "/v1/models":
            self.send(200, {"object": "list", "data": [{"id": name, "object": "model"} for name in self.server.args.models.split(",") if name]})
        else:
            self.send(404, {"error": {"message": "not found"}})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        self.server.log({"method": "POST", "path": self.path, "headers": dict(self.headers), "body": body})
        protocols = {"/v1/chat/completions": OpenAI, "/v1/messages": Anthropic}
        if not self.is_allowed():
            self.send(401, {"error": {"message": f"Incorrect API key provided: {self.headers.get('Authorization')}", "type": "authentication_error"}})
        elif self.path == "/v1/embeddings" and self.server.args.no_embeddings:
            self.send(501, {"error": {"message": "this server does not support embeddings"}})
        elif self.path == "/v1/embeddings":
            self.send(200, {"data": [{"index": i, "embedding": [len(text), text.count("e"), 1.5]} for i, text in enumerate(body["input"])]})
        elif self.path in protocols:
            self.answer(protocols[self.path], body, self.server.next_answer())
        else:
            self.send(404, {"error": {"message": f"no route for {self.path}"}})

    def answer(self, protocol, body, answer):
        fault, model = answer.get("fault"), body.get("model")
        if fault == "status":
            raw = answer.get("body", {"error": {"message": "so it is", "type": "some_error"}})
            self.send(answer["status"], raw.encode() if isinstance(raw, str) else raw, answer.get("headers"))
        elif fault == "redirect":
            self.send(307, {}, {"Location": answer["to"]})
        elif fault == "drop":
            self.close_connection = True
        elif fault == "adapt":
            self.adapt(protocol, body, answer, model)
        elif fault == "json":
            self.send(200, b'data: {"choices": [{"delta": {"content": "x"}}\n\n', kind="text/event-stream")
        elif fault == "html":
            self.send(200, b"<html><body>Please log in to the hotel's network</body></html>", kind="text/html")
        elif fault == "nostream":
            self.send(200, protocol.whole(answer, model))
        elif fault == "empty":
            self.send(200, b"", kind="text/event-stream")
        elif fault == "huge":
            self.send(200, protocol.whole({"text": "x" * (3 << 20)}, model))
        else:
            self.stream(protocol, answer, model)

    def adapt(self, protocol, body, answer, model):
        if "max_tokens" in body:
            self.send(400, {"error": {"message": "Unsupported parameter: use max_completion_tokens"}})
        elif "temperature" in body:
            self.send(400, {"error": {"message": "temperature does not support this value"}})
        elif "stream_options" in body:
            self.send(422, {"detail": "stream_options: extra fields not permitted"})
        else:
            self.stream(protocol, answer, model)

    def stream(self, protocol, answer, model):
        fault = answer.get("fault")
        if fault == "silent":
            time.sleep(answer.get("seconds", 30))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        end = "\r\n" if fault == "crlf" else "\n"
        events = list(protocol.events(answer, model))
        if fault in ("cut", "broken", "error"):
            events = events[:max(1, len(events) // 2)]
        try:
            self.wfile.write(f": comment{end}{end}".encode())
            for event in events:
                name = f"event: {event['type']}{end}" if "type" in event else ""
                self.wfile.write(f"{name}data: {json.dumps(event)}{end}{end}".encode())
                self.wfile.flush()
                if fault == "slow":
                    time.sleep(answer.get("seconds", 0.3))
            if fault == "error":
                self.wfile.write(b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"too much at once"}}\n\n')
            while fault == "endless":
                self.wfile.write(f"data: {json.dumps(protocol.endless())}\n\n".encode())
            if fault == "broken":
                self.wfile.flush()
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif fault not in ("cut", "nodone", "error"):
                self.wfile.write(protocol.end().replace("\n", end).encode())
        except OSError:
            self.server.log({"method": "gone"})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ready", required=True)
    parser.add_argument("--script", required=True)
    parser.add_argument("--log")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--models", default="fake")
    parser.add_argument("--key")
    parser.add_argument("--no-embeddings", action="store_true")
    args = parser.parse_args()
    server = Server(args)
    with open(args.ready + ".new", "w", encoding="ascii") as f:
        f.write(str(server.server_address[1]))
    os.rename(args.ready + ".new", args.ready)
    server.serve_forever()


if __name__ == "__main__":
    main()
