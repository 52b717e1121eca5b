from callflow.cli import main

main(prog_name="onrecord")
