/* Submits many held jobs from one process, as sbatch would one by one: sbatch's own start takes longer than slurmctld
 * with its job.
 * usage: submit COUNT SCRIPT MEMORY_MIB A_SECOND [ARRAY]      A_SECOND: 0 for as many as can be */
#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char *read_all(const char *path)
{
    static char text[1 << 16];
    FILE *file = fopen(path, "r");
    if (!file)
        return NULL;
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

int main(int argc, char **argv)
{
    if (argc < 5)
        return 2;
    char *script = read_all(argv[2]);
    if (!script)
        return 2;
    int a_second = atoi(argv[4]);
    char *environment[] = {"PATH=/usr/bin:/bin", NULL}, *arguments[] = {argv[2], "105", NULL};
    slurm_init(NULL);
    for (int n = 0; n < atoi(argv[1]); n++) {
        job_desc_msg_t job;
        submit_response_msg_t *answer = NULL;
        slurm_init_job_desc_msg(&job);
        job.name = "known.sh";
        job.script = script;
        job.argc = 2;
        job.argv = arguments;
        job.environment = environment;
        job.env_size = 1;
        job.work_dir = "/tmp";
        job.std_out = "/dev/null";
        job.user_id = getuid();
        job.group_id = getgid();
        job.min_nodes = job.max_nodes = 1;
        job.num_tasks = job.cpus_per_task = 1;
        job.pn_min_memory = atoi(argv[3]);
        job.priority = 0;
        job.requeue = 1;
        if (argc > 5)
            job.array_inx = argv[5];
        if (slurm_submit_batch_job(&job, &answer)) {
            slurm_perror("submit");
            return 1;
        }
        slurm_free_submit_response_response_msg(answer);
        if (a_second)
            usleep(1000000 / a_second);
    }
    return 0;
}
