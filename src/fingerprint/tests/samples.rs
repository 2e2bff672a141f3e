//! Samples, sequences and regions that are named by letters.

use super::*;

#[test]
fn jobs_of_two_samples_are_of_one_kind() {
    for (command, one, other) in [
        // Read groups.
        (
            r"bwa mem -R '@RG\tID:VALUE\tSM:VALUE' ref.fa VALUE.fq",
            "S01",
            "S02",
        ),
        (
            r"bwa mem -R '@RG\tID:VALUE\tSM:VALUE' ref.fa VALUE.fq",
            "liver",
            "brain",
        ),
        (
            r"bwa mem -R '@RG\tID:VALUE\tSM:VALUE\tLB:VALUE\tPL:ILLUMINA' ref.fa",
            "NA12878",
            "liver_b",
        ),
        (
            "bwa mem -R \"@RG\\tID:VALUE\\tSM:VALUE\\tPU:VALUE.1\" ref.fa",
            "17",
            "anna",
        ),
        (
            "bwa mem -R \"@RG\\\\tID:VALUE\\\\tSM:VALUE\" ref.fa",
            "17",
            "S1-liver",
        ),
        (
            "bwa mem -R '@RG\tID:VALUE\tSM:VALUE' ref.fa",
            "S01",
            "liver",
        ),
        (
            "STAR --outSAMattrRGline ID:VALUE SM:VALUE PL:ILLUMINA",
            "liver",
            "brain",
        ),
        (
            "picard AddOrReplaceReadGroups RGID=VALUE RGSM=VALUE RGPU=VALUE",
            "liver",
            "S01",
        ),
        // Barcodes and accessions.
        ("gdc-client download VALUE", "TCGA-A1-A0SB", "TCGA-BH-A18V"),
        (
            "gdc-client download VALUE-01A-11R-A12P-07",
            "TCGA-A1-A0SB",
            "TCGA-BH-A18V",
        ),
        ("fetch VALUE", "TARGET-30-PAAPFA", "TARGET-30-PANBCI-01A"),
        ("fetch VALUE", "GTEX-1117F-0226", "GTEX-111CU-1826"),
        ("efetch -id VALUE", "MN908947.3", "NC_045512.2"),
        ("efetch -id VALUE", "NM_000546.6", "XM_047436.1"),
        (
            "datasets download VALUE",
            "GCA_000001405.15",
            "GCF_000001405.40",
        ),
        ("datasets download VALUE", "NZ_CP012345.1", "NC_000913.3"),
        ("prefetch VALUE", "SRR1234567", "ERR7654321"),
        // Regions and chromosomes.
        ("samtools view x.bam VALUE:1-100", "chrX", "chr7"),
        ("samtools view x.bam \"VALUE:1-100\"", "chrM", "chr12"),
        ("samtools view x.bam VALUE:1-100", "X", "7"),
        ("bcftools view -r VALUE:1-100 x.vcf", "X", "7"),
        ("bcftools view -r VALUE x.vcf", "MT", "22"),
        ("gatk HaplotypeCaller -L VALUE -I x.bam", "X", "7"),
        (
            "gatk HaplotypeCaller --intervals VALUE -I x.bam",
            "chrY",
            "chr2",
        ),
        // Files of data.
        ("solve VALUE.mrc", "liver", "brain"),
        (
            "solve VALUE.zarr VALUE.czi VALUE.svs VALUE.dcm",
            "liver",
            "brain",
        ),
        (
            "solve VALUE.pdbqt VALUE.cub VALUE.cube VALUE.mgf VALUE.RAW",
            "liver",
            "brain",
        ),
        (
            "solve VALUE.bigwig VALUE.bigWig VALUE.bw VALUE.h5ad VALUE.loom",
            "liver",
            "brain",
        ),
        (
            "solve VALUE.hepmc VALUE.lhe VALUE.las VALUE.laz VALUE.shp VALUE.geojson",
            "liver",
            "brain",
        ),
        (
            "solve VALUE.fast5 VALUE.pod5 VALUE.slow5 VALUE.blow5",
            "liver",
            "brain",
        ),
        ("solve VALUE.parquet in/VALUE.feather", "liver", "brain"),
    ] {
        let of = |value| aligned(&command.replace("VALUE", value), "/proj/study");
        assert_eq!(of(one), of(other), "{command} {one} {other}");
    }
}

#[test]
fn names_that_look_like_those_of_samples_stay() {
    for (argument, form) in [
        // As before, so that history stays.
        ("TCGA-A1-A0SB SRR1234567 MN908947.3", "TCGA-# SRR# #"),
        (
            "@RG\\tID:$A\\tSM:${A}\\tLB:lib1",
            "@RG\\tID:$A\\tSM:${A}\\tLB:lib#",
        ),
        (
            "TARGET-DIR GTEX-all NC_x NM_12 TCGA- TCGA-Study1 TCGA-BRCA-01",
            "TARGET-DIR GTEX-all NC_x NM_# TCGA- TCGA-Study# TCGA-BRCA-#",
        ),
        (
            "ID: x PID:fast host:80 X:fast -r all -L a.bed",
            "ID: x PID:fast host:# X:fast -r all -L *.bed",
        ),
        (
            "-x X --axis Y -L Xylem max:10",
            "-x X --axis Y -L Xylem max:#",
        ),
    ] {
        assert_eq!(shown(argument), form, "{argument}");
    }
    let name = |name: &str| Kind::of_accounting(1, name.as_bytes()).name;
    assert_eq!(name("align_TCGA-A1-A0SB"), name("align_TCGA-BH-A18V"));
    assert_ne!(name("align_TCGA-A1-A0SB"), name("sort_TCGA-A1-A0SB"));
    assert_eq!(name("wrf_Jun12_2003"), name("wrf_Mar04_1999"));
    assert_ne!(name("wrf_Jun12_2003"), name("post_Jun12_2003"));
    assert_ne!(name("chip_Oct4"), name("chip_Sox2"));
}
