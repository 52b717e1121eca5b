from onrecord.commands.main import main

main(prog_name="onrecord")
