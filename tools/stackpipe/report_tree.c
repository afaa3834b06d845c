/* SPDX-License-Identifier: MIT */
#include "report_text.h"

#include "plain_text.h"

/* Parts below this share of all samples are left out. */
#define SHARE_MIN_PERCENT 0.5
/* Deeper levels are told by their number. */
#define INDENT_MAX 40

static void write_node(const struct spipe_calltree_node *node, uint64_t all, unsigned depth,
                       const struct spipe_naming *naming, FILE *stream)
{
    fprintf(stream, "%6.2f %% %6.2f %%  ", spipe_plain_text_percent(node->total, all),
            spipe_plain_text_percent(node->self, all));
    if (depth <= INDENT_MAX) {
        fprintf(stream, "%*s", (int)depth, "");
    } else {
        fprintf(stream, "%*s[%u] ", INDENT_MAX, "", depth);
    }
    const char *name = node->function == SPIPE_STORE_NONE ? "[no stack]" : naming->name(naming->user, node->function);
    spipe_plain_text_write(name, stream);
    fputc('\n', stream);
}

static bool is_shown(const struct spipe_calltree *tree, uint32_t node, uint64_t all)
{
    return node != SPIPE_STORE_NONE && spipe_plain_text_percent(tree->node[node].total, all) >= SHARE_MIN_PERCENT;
}

/* The node after `node` in the order of printing; children are sorted, so that nothing shown stands behind one that is
 * not. */
static uint32_t next_shown(const struct spipe_calltree *tree, uint32_t node, uint64_t all, unsigned *depth)
{
    if (is_shown(tree, tree->node[node].first_child, all)) {
        (*depth)++;
        return tree->node[node].first_child;
    }
    while (node != 0) {
        if (is_shown(tree, tree->node[node].next_sibling, all)) {
            return tree->node[node].next_sibling;
        }
        node = tree->node[node].parent;
        (*depth)--;
    }
    return 0;
}

void spipe_report_write_tree(const struct spipe_calltree *tree, const char *title, uint64_t all,
                             const struct spipe_naming *naming, FILE *stream)
{
    fprintf(stream, "\n%8s %8s  %s\n", "total", "self", title);
    if (tree->node_count == 0 || tree->node[0].total == 0) {
        return;
    }
    unsigned depth = 0;
    for (uint32_t node = next_shown(tree, 0, all, &depth); node != 0; node = next_shown(tree, node, all, &depth)) {
        write_node(&tree->node[node], all, depth - 1, naming, stream);
    }
}
