//! Types of files: what stands behind the last dot of a name.

use super::models::is_size;
use super::segments::{is_number, is_temporary};

/// The name of a type that is not known has no more characters.
const LONGEST_TYPE: usize = 6;

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
    ) || is_configuration(kind)
}

/// Files of these types say how a program runs.
pub fn is_configuration(kind: &[u8]) -> bool {
    matches!(kind, b"yaml" | b"yml" | b"toml" | b"cfg" | b"conf" | b"ini")
}

/// Files of these types hold a model.
pub fn is_model(kind: &[u8]) -> bool {
    matches!(kind, b"gguf" | b"ggml" | b"onnx")
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
            b"py"
                | b"R"
                | b"r"
                | b"jl"
                | b"m"
                | b"sh"
                | b"pl"
                | b"rb"
                | b"lua"
                | b"js"
                | b"ipynb"
                | b"jar"
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
            | b"in" | b"com" | b"gjf" | b"cas" | b"msh" | b"stl" | b"pdbqt" | b"cub" | b"cube" | b"bw" | b"bigwig" | b"bigWig"
            | b"bb" | b"bigbed" | b"bigBed" | b"mgf" | b"RAW" | b"h5ad" | b"loom" | b"fast5" | b"pod5" | b"slow5" | b"blow5"
        // Images, maps of the earth, events of colliders.
            | b"mrc" | b"mrcs" | b"czi" | b"svs" | b"dcm" | b"zarr" | b"las" | b"laz" | b"shp" | b"geojson" | b"hepmc" | b"lhe"
    )
}

/// Of these types some programs are, too: the compiler's `a.out`, builds beside each other.
pub fn is_executable_type(kind: &[u8]) -> bool {
    matches!(
        kind,
        b"out"
            | b"bin"
            | b"elf"
            | b"mpi"
            | b"omp"
            | b"gpu"
            | b"cpu"
            | b"cuda"
            | b"hip"
            | b"gnu"
            | b"gcc"
            | b"icc"
            | b"intel"
            | b"linux"
            | b"opt"
            | b"dbg"
            | b"par"
            | b"seq"
    )
}

/// A name without its type, and that.
pub fn stem(base: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memrchr(b'.', base).filter(|dot| *dot > 0) {
        Some(dot) => (&base[..dot], &base[dot + 1..]),
        None => (base, b""),
    }
}

/// Whether the form of this name is that of a file of data.
pub fn is_data(base: &[u8], has_folders: bool) -> bool {
    let kind = data_type(base, memchr::memrchr(b'.', base));
    kind.is_some_and(|kind| has_folders || is_file(base, kind))
}

/// A word without folders may be a module or a model, as `unet.train` or `tiny.en`: a file's name has digits, or a type that
/// files are known to have.
pub fn is_file(base: &[u8], kind: &[u8]) -> bool {
    base.iter().any(u8::is_ascii_digit)
        || is_data_type(kind.rsplit(|&byte| byte == b'.').next().unwrap_or(kind))
}

/// The type of a data file, whose last dot is at `dot`: `fastq.gz` of `/data/S01.sorted.fastq.gz`.
pub fn data_type(base: &[u8], dot: Option<usize>) -> Option<&[u8]> {
    let dot = dot.filter(|&dot| dot > 0)?;
    let kind = &base[dot + 1..];
    let is_type = (kind.len() <= LONGEST_TYPE || is_data_type(kind))
        && kind.iter().all(u8::is_ascii_alphanumeric)
        && kind.iter().any(u8::is_ascii_alphabetic);
    if !is_type
        || kind[0].is_ascii_digit() && is_size(kind)
        || base[0] == b'.'
        || is_program_type(kind)
        || is_temporary(base)
        || is_number(base)
    {
        return None;
    }
    let packed = matches!(kind, b"gz" | b"bz2" | b"xz" | b"zst" | b"zip");
    let before = packed
        .then(|| memchr::memrchr(b'.', &base[..dot]))
        .flatten();
    Some(&base[before.unwrap_or(dot) + 1..])
}
