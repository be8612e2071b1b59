#include "exec_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util.h"

#define PLAN_BYTES_MAX (64 << 20)

static bool parse_number(const char *text, int base, uint64_t max, uint64_t *out)
{
	char *end;
	errno = 0;
	unsigned long long value = strtoull(text, &end, base);
	if (*text < '0' || errno != 0 || end == text || *end != '\0' || value > max)
		return false;
	*out = value;
	return true;
}

static int set_number(const char *text, uint64_t max, uint32_t *out)
{
	uint64_t value;
	if (!parse_number(text, 10, max, &value))
		return -EINVAL;
	*out = (uint32_t)value;
	return 0;
}

static int set_mask(const char *text, uint64_t *out)
{
	return parse_number(text, 16, UINT64_MAX, out) ? 0 : -EINVAL;
}

static int add_rlimit(struct exec_plan *plan, const char *text)
{
	int resource, used = 0;
	unsigned long long soft, hard;
	if (plan->rlimits_len == EXEC_RLIMITS_MAX || sscanf(text, "%d:%llu:%llu%n", &resource, &soft, &hard, &used) != 3 ||
	    text[used] != '\0' || resource < 0 || resource >= RLIM_NLIMITS)
		return -EINVAL;
	plan->rlimits[plan->rlimits_len++] = (struct exec_rlimit){ resource, { soft, hard } };
	return 0;
}

static int set_oom_score_adj(struct exec_plan *plan, const char *text)
{
	int used = 0;
	if (sscanf(text, "%d%n", &plan->oom_score_adj, &used) != 1 || text[used] != '\0')
		return -EINVAL;
	plan->has_oom_score_adj = true;
	return 0;
}

static int add_tasks(struct exec_plan *plan, const char *path)
{
	if (plan->tasks_len == EXEC_HIERARCHIES_MAX)
		return -EINVAL;
	plan->tasks[plan->tasks_len++] = path;
	return 0;
}

static int set_init(struct exec_plan *plan, const char *text)
{
	uint64_t pid;
	if (!parse_number(text, 10, INT32_MAX, &pid) || pid == 0)
		return -EINVAL;
	plan->init = (pid_t)pid;
	return 0;
}

/* The lists have room for everything: they were made as long as there are records. */
struct lists {
	size_t args, env;
};

static int take(struct exec_plan *plan, struct lists *lists, const char *name, char *value)
{
	const struct {
		const char *name;
		const char **field;
	} texts[] = {
		{ "id", &plan->id },           { "cgroup", &plan->cgroup }, { "keyring", &plan->keyring },
		{ "cwd", &plan->cwd },         { "filter", &plan->filter },
	};
	const struct {
		const char *name;
		uint64_t *field;
	} masks[] = {
		{ "bounding", &plan->bounding },       { "effective", &plan->effective }, { "permitted", &plan->permitted },
		{ "inheritable", &plan->inheritable }, { "ambient", &plan->ambient },
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (strcmp(name, texts[i].name) == 0) {
			*texts[i].field = value;
			return 0;
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
		if (strcmp(name, masks[i].name) == 0)
			return set_mask(value, masks[i].field);
	}
	if (strcmp(name, "arg") == 0)
		plan->argv[lists->args++] = value;
	else if (strcmp(name, "env") == 0)
		plan->envp[lists->env++] = value;
	else if (strcmp(name, "group") == 0)
		return set_number(value, UINT32_MAX - 1, &plan->groups[plan->groups_len++]);
	else if (strcmp(name, "tasks") == 0)
		return add_tasks(plan, value);
	else if (strcmp(name, "init") == 0)
		return set_init(plan, value);
	else if (strcmp(name, "uid") == 0)
		return set_number(value, UINT32_MAX - 1, &plan->uid);
	else if (strcmp(name, "gid") == 0)
		return set_number(value, UINT32_MAX - 1, &plan->gid);
	else if (strcmp(name, "rlimit") == 0)
		return add_rlimit(plan, value);
	else if (strcmp(name, "oom-score-adj") == 0)
		return set_oom_score_adj(plan, value);
	else if (strcmp(name, "no-new-privileges") == 0)
		plan->no_new_privileges = strcmp(value, "1") == 0;
	else
		return -EINVAL;
	return 0;
}

int exec_plan_parse(struct exec_plan *plan, char *text, size_t size)
{
	size_t records = 0;
	struct lists lists = { 0 };
	if (size == 0 || text[size - 1] != '\0')
		return -EINVAL;
	for (size_t i = 0; i < size; i++)
		records += text[i] == '\0';
	plan->argv = calloc(records + 1, sizeof(*plan->argv));
	plan->envp = calloc(records + 1, sizeof(*plan->envp));
	plan->groups = calloc(records + 1, sizeof(*plan->groups));
	if (!plan->argv || !plan->envp || !plan->groups)
		return -ENOMEM;
	for (char *record = text; record < text + size; record += strlen(record) + 1) {
		size_t length = strlen(record);
		char *equals = memchr(record, '=', length);
		if (!equals)
			return -EINVAL;
		*equals = '\0';
		int err = take(plan, &lists, record, equals + 1);
		*equals = '=';
		if (err < 0)
			return err;
	}
	return plan->init > 0 && plan->id && *plan->id && plan->cwd && plan->argv[0] ? 0 : -EINVAL;
}

int exec_plan_read(struct exec_plan *plan, const char *path)
{
	struct stat st;
	memset(plan, 0, sizeof(*plan));
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size <= 0 || st.st_size > PLAN_BYTES_MAX)
		return -EINVAL;
	plan->text = malloc((size_t)st.st_size);
	if (!plan->text)
		return -ENOMEM;
	if (read(fd, plan->text, (size_t)st.st_size) != st.st_size)
		return -EIO;
	return exec_plan_parse(plan, plan->text, (size_t)st.st_size);
}

void exec_plan_free(struct exec_plan *plan)
{
	free(plan->argv);
	free(plan->envp);
	free(plan->groups);
	free(plan->text);
	memset(plan, 0, sizeof(*plan));
}
