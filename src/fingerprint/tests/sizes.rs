//! Sizes of models.

use super::*;

#[test]
fn models_of_other_sizes_are_other_kinds() {
    for command in [
        "ollama run llama3:SIZE",
        "ollama run org/llama-3:SIZE-instruct",
        "./llama-cli -m llama-SIZE-q4.gguf",
        "./llama-cli -m /models/Llama-2-SIZE.Q4_K_M.gguf",
        "python infer.py --size SIZE",
        "python infer.py --model-size=SIZE",
        "python infer.py --config configs/SIZE.yaml",
        "python infer.py --config SIZE-lora.yaml",
        "python infer.py --config configs/llama_SIZE.yaml",
        "export MODEL_SIZE=SIZE",
    ] {
        let of = |size| aligned(&command.replace("SIZE", size), "/proj/llm");
        assert_no_key_in_common(of("7b"), of("70b"), command);
        assert_no_key_in_common(of("8x7B"), of("8x22B"), command);
    }
}

#[test]
fn what_is_no_models_size_is_a_parameter() {
    for (argument, form) in [
        ("sample:12b ID:12b 12b", "sample:#b ID:# #b"),
        (
            "patient_12b.gguf reads_12b.bam 12b.json",
            "*.gguf *.bam *.json",
        ),
        (
            "--batch-size 32 --chunk-size 10k --size 4G",
            "--batch-size # --chunk-size #k --size #G",
        ),
        ("llama-q4.gguf 12b.py", "*.gguf #b.py"),
    ] {
        assert_eq!(shown(argument), form, "{argument}");
    }
}
