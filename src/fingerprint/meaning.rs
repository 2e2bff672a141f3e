//! Words that say nothing about what runs: everybody's jobs, scripts and folders bear them.

/// Whether a general form has a word that tells jobs apart.
pub fn has_meaning(form: &[u8]) -> bool {
    words(form).any(|word| !is_common(word) && !is_interpreter(word))
}

/// The same for the name or comment of a job: those that a manager gives to all of its jobs tell none apart.
pub fn tells_jobs_apart(form: &[u8]) -> bool {
    let is_numbered = words(form).next().is_some_and(is_before_a_hash);
    words(form).any(|word| {
        let is_hash = is_numbered && word.iter().all(u8::is_ascii_hexdigit);
        !(is_common(word) || is_interpreter(word) || is_any_jobs(word) || is_hash)
    })
}

/// What a manager puts before a hash, in which by chance no digit may be: `bl_1a2b3c` of blahp, `crew-3b1f2e-1` of R's crew.
fn is_before_a_hash(word: &[u8]) -> bool {
    lower(word, |word| matches!(word, b"bl" | b"crew"))
}

/// What servers, sessions and submissions by hand are called; a folder or program of that name has its own.
fn is_any_jobs(word: &[u8]) -> bool {
    is_before_a_hash(word)
        || lower(word, |word| {
            let is_mine = word.strip_prefix(b"my").is_some_and(is_common_name);
            is_mine
                || matches!(
                    word,
                    b"spawner"
                        | b"jupyterhub"
                        | b"dashboard"
                        | b"sys"
                        | b"none"
                        | b"null"
                        | b"undefined"
                        | b"unnamed"
                        | b"vscode"
                        | b"code"
                        | b"tunnel"
                        | b"server"
                        | b"session"
                        | b"remote"
                        | b"ssh"
                        | b"sshd"
                        | b"vnc"
                        | b"desktop"
                        | b"hostname"
                )
        })
}

/// A folder that a manager makes below the one of the project, as Hydra, submitit, Parsl and trackers of runs do.
pub fn is_of_a_manager(folder: &[u8]) -> bool {
    lower(folder, |folder| {
        matches!(
            folder,
            b"multirun"
                | b".submitit"
                | b".hydra"
                | b"wandb"
                | b"mlruns"
                | b"lightning_logs"
                | b"ray_results"
                | b"runinfo"
        )
    })
}

/// The same for files and folders.
pub fn is_common_place(form: &[u8]) -> bool {
    words(form).all(is_common)
}

/// The same for scripts: what they do, as in `train.py`, many do.
pub fn is_common_script(form: &[u8]) -> bool {
    words(form).all(|word| is_common(word) || lower(word, is_common_work))
}

/// The same for programs at the place of a command: these names are nobody's job's.
pub fn is_common_program(form: &[u8]) -> bool {
    let says_nothing = |word: &[u8]| {
        matches!(
            word,
            b"a" | b"b"
                | b"x"
                | b"exe"
                | b"prog"
                | b"master"
                | b"binary"
                | b"executable"
                | b"code"
                | b"all"
                | b"allrun"
        )
    };
    words(form).all(|word| is_common_name(word) || lower(word, says_nothing))
}

/// The same for programs that are called for what they do.
pub fn is_common_work_of_program(form: &[u8]) -> bool {
    words(form).all(|word| is_common_name(word) || lower(word, is_common_work))
}

fn is_common_work(word: &[u8]) -> bool {
    matches!(
        word,
        b"train"
            | b"training"
            | b"trainer"
            | b"pretrain"
            | b"finetune"
            | b"eval"
            | b"evaluate"
            | b"infer"
            | b"inference"
            | b"predict"
            | b"preprocess"
            | b"analysis"
            | b"analyze"
            | b"analyse"
            | b"simulate"
            | b"simulation"
            | b"sim"
            | b"solve"
            | b"model"
            | b"plot"
            | b"experiment"
            | b"experiments"
            | b"pipeline"
            | b"app"
            | b"demo"
            | b"bench"
            | b"benchmark"
            | b"calc"
            | b"compute"
            | b"driver"
    )
}

/// A folder in which each job or sample has one of its own.
pub fn holds_values(folder: &[u8]) -> bool {
    lower(folder, |folder| {
        matches!(
            folder,
            b"samples"
                | b"sample"
                | b"subjects"
                | b"patients"
                | b"runs"
                | b"jobs"
                | b"results"
                | b"result"
                | b"outputs"
                | b"output"
                | b"out"
                | b"tmp"
        )
    })
}

/// Before a value that is another one in each job.
pub fn varies(part: &[u8]) -> bool {
    matches!(
        part,
        b"sample"
            | b"subject"
            | b"subj"
            | b"participant"
            | b"patient"
            | b"individual"
            | b"accession"
            | b"barcode"
            | b"lane"
            | b"chr"
            | b"chrom"
            | b"chromosome"
            | b"date"
            | b"day"
            | b"month"
            | b"year"
            | b"seed"
            | b"chunk"
            | b"shard"
            | b"fold"
            | b"replicate"
            | b"session"
            | b"region"
            | b"srr"
            | b"rgid"
            | b"rgsm"
            | b"rgpu"
    )
}

/// A shell or another program that runs whatever it is given.
pub fn starts_with_interpreter(form: &[u8]) -> bool {
    words(form).next().is_some_and(is_interpreter)
}

fn words(form: &[u8]) -> impl Iterator<Item = &[u8]> {
    form.split(|&byte| !(byte.is_ascii_alphabetic() || byte >= 0x80))
        .filter(|word| !word.is_empty())
}

/// No common word is longer.
const LONGEST: usize = 20;

/// Calls `listed` with the word in small letters.
pub fn lower(word: &[u8], listed: impl Fn(&[u8]) -> bool) -> bool {
    let mut small = [0; LONGEST];
    let Some(small) = small.get_mut(..word.len()) else {
        return false;
    };
    small.copy_from_slice(word);
    small.make_ascii_lowercase();
    listed(small)
}

fn is_common(word: &[u8]) -> bool {
    is_common_name(word) || is_tool(word)
}

/// What jobs and programs are called, and folders.
fn is_common_name(word: &[u8]) -> bool {
    lower(word, |word| {
        matches!(
            word,
            // What jobs and scripts are called.
            b"job" | b"jobs" | b"run" | b"runs" | b"runner" | b"script" | b"scripts" | b"task" | b"tasks"
                | b"array" | b"batch" | b"sbatch" | b"slurm" | b"srun" | b"submit" | b"submission" | b"wrap"
                | b"wrapper" | b"cmd" | b"command" | b"exec" | b"start" | b"launch" | b"launcher" | b"go"
                | b"do" | b"main" | b"my" | b"new" | b"old" | b"tmp" | b"temp" | b"test" | b"tests"
                | b"testing" | b"exp" | b"interactive" | b"untitled" | b"noname" | b"default" | b"index"
                | b"program" | b"process" | b"node" | b"step" | b"part" | b"chunk" | b"shard" | b"attempt"
                | b"sample" | b"samples" | b"rep" | b"seed" | b"trial" | b"fold" | b"iter" | b"id" | b"no"
                | b"version"
            // Folders of every site and every project.
                | b"home" | b"users" | b"user" | b"scratch" | b"work" | b"workdir" | b"working" | b"data"
                | b"proj" | b"project" | b"projects" | b"groups" | b"group" | b"shared" | b"share" | b"mnt"
                | b"lustre" | b"gpfs" | b"beegfs" | b"nfs" | b"fs" | b"storage" | b"local" | b"opt" | b"srv"
                | b"var" | b"usr" | b"bin" | b"src" | b"lib" | b"results" | b"result" | b"output"
                | b"outputs" | b"out" | b"logs" | b"log" | b"input" | b"inputs" | b"in"
        )
    })
}

/// What everybody works with: a job's name that says it says nothing of the job, but a program of that name is a known one.
fn is_tool(word: &[u8]) -> bool {
    lower(word, |word| {
        matches!(
            word,
            // Types of scripts.
            b"sh" | b"py" | b"pl" | b"r" | b"jl" | b"sub" | b"slm" | b"pbs" | b"txt"
                | b"snakefile" | b"makefile" | b"smk" | b"nf" | b"tool"
            // Workflow managers and pools of workers.
                | b"snakemake" | b"snakejob" | b"nextflow" | b"nxf" | b"cromwell" | b"galaxy" | b"toil"
                | b"luigi" | b"airflow" | b"prefect" | b"dagster" | b"aiida" | b"submitit" | b"dask"
                | b"parsl" | b"htex" | b"block" | b"ray" | b"spark" | b"hq" | b"alloc" | b"pilot"
                | b"glidein" | b"ipengine" | b"ipcontroller" | b"worker" | b"workers" | b"pool" | b"executor"
                | b"scheduler" | b"cluster" | b"distributed" | b"workflow" | b"workflows" | b"wf"
                | b"execution" | b"executions" | b"batchtools" | b"clustermq" | b"cmq" | b"jupyter" | b"notebook"
                | b"globuscomputeengine" | b"covalent" | b"fw" | b"fireworks" | b"gridjob" | b"ci" | b"gitlab"
                | b"jenkins" | b"jacamar" | b"cryosparc" | b"arvados"
        )
    })
}

fn is_interpreter(word: &[u8]) -> bool {
    lower(word, |word| {
        matches!(
            word,
            b"sh"
                | b"bash"
                | b"zsh"
                | b"csh"
                | b"tcsh"
                | b"ksh"
                | b"dash"
                | b"env"
                | b"python"
                | b"ipython"
                | b"perl"
                | b"ruby"
                | b"julia"
                | b"rscript"
                | b"matlab"
                | b"octave"
                | b"java"
                | b"node"
                | b"lua"
                | b"make"
                | b"gmake"
                | b"srun"
                | b"mpirun"
                | b"mpiexec"
                | b"singularity"
                | b"apptainer"
                | b"docker"
                | b"conda"
                | b"jupyterlab"
        )
    })
}
