//! Types of files: what stands behind the last dot of a name.

/// Files of these types are programs: their name says what runs. Of other files only the type is kept.
pub fn is_program_type(kind: &[u8]) -> bool {
    matches!(
        kind,
        // Shells, languages that are interpreted, and notebooks.
        b"sh" | b"bash" | b"zsh" | b"csh" | b"py" | b"pl" | b"r" | b"R" | b"rb" | b"jl" | b"m" | b"lua" | b"js"
            | b"mjs" | b"ts" | b"php" | b"awk" | b"tcl" | b"ncl" | b"ipynb" | b"Rmd" | b"qmd"
        // What is compiled or packed, and its sources.
            | b"exe" | b"x" | b"run" | b"jar" | b"sif" | b"simg" | b"C" | b"cc" | b"cpp" | b"cxx" | b"go" | b"java"
        // Workflows, batch scripts, and scripts of solvers and statistics.
            | b"nf" | b"smk" | b"cwl" | b"slurm" | b"sbatch" | b"job" | b"do" | b"sas" | b"gms" | b"wls" | b"jou"
        // What says how a program runs.
            | b"yaml" | b"yml" | b"toml" | b"cfg" | b"conf" | b"ini"
    )
}

/// A script, also one that workflow managers and make know without a type.
pub fn is_program(base: &[u8]) -> bool {
    let dot = memchr::memrchr(b'.', base);
    matches!(base, b"script" | b"Snakefile" | b"Makefile" | b"makefile")
        || dot.is_some_and(|dot| is_program_type(&base[dot + 1..]))
}

/// A program that an interpreter runs, as far as scripts of everyday work are written in it.
pub fn is_script(base: &[u8]) -> bool {
    let dot = memchr::memrchr(b'.', base);
    dot.is_some_and(|dot| {
        matches!(
            &base[dot + 1..],
            b"py" | b"R" | b"r" | b"jl" | b"m" | b"sh" | b"pl"
        )
    })
}

/// Files of these types are known to hold data.
pub fn is_data_type(kind: &[u8]) -> bool {
    matches!(
        kind,
        // Packed, tables, texts and what programs write.
        b"gz" | b"bz2" | b"xz" | b"zst" | b"zip" | b"tar" | b"tgz" | b"txt" | b"csv" | b"tsv" | b"dat" | b"data" | b"log"
            | b"out" | b"err" | b"json" | b"jsonl" | b"xml" | b"db" | b"sqlite" | b"parquet" | b"feather" | b"npy" | b"npz"
            | b"pkl" | b"pickle" | b"pt" | b"pth" | b"ckpt" | b"onnx" | b"gguf" | b"hdf" | b"nc" | b"mat" | b"rds" | b"rda"
            | b"RData" | b"root" | b"fits" | b"grib" | b"tif" | b"tiff" | b"png" | b"jpg" | b"jpeg" | b"nii" | b"bin"
        // Sequences and molecules, inputs of solvers.
            | b"fa" | b"fq" | b"fasta" | b"fastq" | b"fna" | b"faa" | b"bam" | b"sam" | b"cram" | b"vcf" | b"bcf" | b"bed"
            | b"bim" | b"fam" | b"gff" | b"gtf" | b"fai" | b"dict" | b"idx" | b"bai" | b"mzml" | b"mzML" | b"raw" | b"pdb"
            | b"cif" | b"xyz" | b"mol" | b"sdf" | b"tpr" | b"gro" | b"top" | b"trr" | b"xtc" | b"dcd" | b"psf" | b"inp"
            | b"in" | b"com" | b"gjf" | b"cas" | b"msh" | b"stl"
    )
}
