package install

// Create makes a service without asking whether vendord could run as it.
func Create(h Host, w WindowsService, binary string) error {
	return windowsManager{h}.create(w, binary)
}
