/* Submits a job whose AdminComment and environment are of the user's own making, past sbatch, which has checks of its own.
 * usage: comment COMMENT VARIABLE=VALUE */
#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    job_desc_msg_t job;
    submit_response_msg_t *answer = NULL;

    if (argc != 3)
        return 2;
    char *environment[] = {"PATH=/usr/bin:/bin", argv[2], NULL};
    slurm_init(NULL);
    slurm_init_job_desc_msg(&job);
    job.admin_comment = argv[1];
    job.name = "commented";
    job.script = "#!/bin/bash\nsleep 1\n";
    job.environment = environment;
    job.env_size = 2;
    job.work_dir = "/tmp";
    job.std_out = job.std_err = "/dev/null";
    job.user_id = getuid();
    job.group_id = getgid();
    job.pn_min_memory = 100;
    job.time_limit = 1;
    if (slurm_submit_batch_job(&job, &answer)) {
        slurm_perror("submit");
        return 1;
    }
    slurm_free_submit_response_response_msg(answer);
    return 0;
}
