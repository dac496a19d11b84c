fn main() -> std::process::ExitCode {
    ksim::cli::main(my_scenarios::scenarios())
}
