package install

// MachineCommand is machineCommand.
var MachineCommand Runner = machineCommand
