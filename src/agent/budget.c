/* --max-tokens and --max-cost: held before a request is sent, with what is known by then. */
#include "loop.h"

#define LEAST_ANSWER 64

int budget_init(struct budget *b, const struct kg_model *model, const struct kg_config *config, struct kg_error *err)
{
	gint64 context = kg_config_int(config, "context");
	double price;

	*b = (struct budget){.model = model, .max_tokens = kg_config_int(config, "max-tokens"), .max_cost = kg_config_number(config, "max-cost")};
	/* the window is for both, and the question is the longer part */
	b->answer_tokens = MIN(kg_config_int(config, "answer-tokens"), context / 2);
	if (b->max_cost > 0 && !kg_model_cost(model, 1, 1, &price)) {
		int code = kg_error_set(err, KG_E_INVAL, "model", "--max-cost can't be kept: the price of %s at %s is not known", kg_model_name(model),
					kg_model_address(model));
		kg_error_hint(err, "put it into models/prices.ini in kgent's folder of your configuration (docs/models.md), or use --max-tokens");
		return code;
	}
	return 0;
}

static int no_more(struct kg_error *err, const char *option, char *limit)
{
	g_autofree char *text = limit;
	int code = kg_error_set(err, KG_E_LIMIT, "model", "%s %s does not allow another request to the model", option, text);

	kg_error_hint(err, "a larger %s lets it go on", option);
	return code;
}

int budget_allows(const struct budget *b, gint64 brief_tokens, gint64 *ret_answer, struct kg_error *err)
{
	gint64 answer = b->answer_tokens;
	double spent, next, one;

	if (b->max_tokens)
		answer = MIN(answer, b->max_tokens - b->spent_in - b->spent_out - brief_tokens);
	if (answer < LEAST_ANSWER)
		return no_more(err, "--max-tokens", g_strdup_printf("%" G_GINT64_FORMAT, b->max_tokens));
	if (b->max_cost > 0 && kg_model_cost(b->model, b->spent_in, b->spent_out, &spent) && kg_model_cost(b->model, brief_tokens, 0, &next) &&
	    kg_model_cost(b->model, 0, 1, &one)) {
		double left = b->max_cost - spent - next;
		if (one > 0 && left / one < (double)answer)
			answer = left > 0 ? (gint64)(left / one) : 0;
		if (answer < LEAST_ANSWER || left < 0)
			return no_more(err, "--max-cost", g_strdup_printf("%.4f", b->max_cost));
	}
	*ret_answer = answer;
	return 0;
}

void budget_spend(struct budget *b, const struct kg_brief *brief, const struct kg_model_reply *reply)
{
	b->spent_in += reply->tokens_in >= 0 ? reply->tokens_in : brief->tokens;
	b->spent_out += reply->tokens_out >= 0 ? reply->tokens_out : kg_model_estimate_tokens(reply->text);
}
