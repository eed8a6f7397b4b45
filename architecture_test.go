// Package vendord_test holds the rules that all of the project keeps: who may
// import whom, and what every package owes its reader.
package vendord_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/vendord/vendord"

// arrows is the import table of docs/design.md, section 3. A package that is
// not in it may not exist; cmd/vendord may import all.
var arrows = map[string][]string{
	"session":             {},
	"near":                {},
	"keyring":             {"session"},
	"link":                {"session"},
	"awshttp":             {},
	"disk":                {},
	"login":               {"awshttp", "disk", "session", "trust"},
	"trust":               {},
	"install":             {"disk", "session", "trust"},
	"systemd":             {},
	"systemd/systemdtest": {},
	"sdkenv":              {},
	"policy":              {"near"},
	"peer":                {},
	"profiles":            {"session", "policy", "peer", "near", "trust"},
	"apps":                {"profiles", "session", "peer", "near", "disk", "trust"},
	"mint":                {"awshttp", "session", "near"},
	"cache":               {"session"},
	"audit":               {"session", "trust"},
	"server":              {"apps", "session", "audit", "peer"},
	"control":             {"session", "peer", "trust"},
	"fakeaws":             {"policy"},
	"cmd/fakeaws":         {"fakeaws"},
	"bench":               {"fakeaws"},
	"soak":                {"apps", "control", "fakeaws", "mint", "session", "soak/proxy"},
	"soak/proxy":          {},
}

// onlyPlace says which packages may import a library whose types must not
// leak: to replace it is then a change in one place.
var onlyPlace = map[string][]string{
	"github.com/BurntSushi/toml":                   {"profiles"},
	"github.com/gorilla/mux":                       {"server"},
	"github.com/spf13/cobra":                       {"cmd/vendord"},
	"github.com/aws/aws-sdk-go-v2/config":          {"mint"},
	"github.com/aws/aws-sdk-go-v2/service/sts":     {"mint"},
	"github.com/aws/aws-sdk-go-v2/service/sso":     {"login", "mint"},
	"github.com/aws/aws-sdk-go-v2/service/ssooidc": {"login", "mint"},
	"github.com/aws/aws-sdk-go-v2/service/signin":  {"mint"},
	"github.com/aws/aws-sdk-go-v2/service/s3":      {}, // tests alone: 3 MB
	"github.com/rogpeppe/go-internal/testscript":   {},
	"github.com/zalando/go-keyring":                {"keyring"},
	"github.com/Shopify/toxiproxy/v2/stream":       {"soak", "soak/proxy"},
	"github.com/Shopify/toxiproxy/v2/toxics":       {"soak", "soak/proxy"},
	"github.com/russellhaering/goxmldsig":          {"fakeaws"},
	"github.com/beevik/etree":                      {"fakeaws"},
	"golang.org/x/time/rate":                       {"apps", "server"},
	"github.com/kardianos/service":                 {"install"},
	"github.com/vishvananda/netlink":               {"link"},
	"github.com/vishvananda/netlink/nl":            {"link"},
	"os/exec":                                      {"mint", "cmd/vendord", "bench", "soak", "install"}, // install: systemctl and journalctl, which are systemd's API for people
}

type listed struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,Imports", "./...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("reading go list: %v", err)
		}
		if len(p.GoFiles) > 0 {
			all = append(all, p)
		}
	}
}

func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		allowed, known := arrows[name]
		if !known && name != "cmd/vendord" {
			t.Errorf("package %s: not in the import table of docs/design.md", name)
		}
		for _, ours := range allowed {
			if !slices.Contains(p.Imports, module+"/"+ours) {
				t.Errorf("package %s: does not import %s, as the import table of docs/design.md says", name, ours)
			}
		}
		for _, path := range p.Imports {
			ours, isOurs := strings.CutPrefix(path, module+"/")
			if isOurs && known && !slices.Contains(allowed, ours) {
				t.Errorf("package %s: imports %s, which the import table of docs/design.md does not have", name, ours)
			}
			if places, guarded := onlyPlace[path]; guarded && !slices.Contains(places, name) {
				t.Errorf("package %s: imports %s, which is for %v", name, path, places)
			}
		}
	}
}

// TestDocumented checks what a reader of any package is owed: a package
// comment, and one for every exported name.
func TestDocumented(t *testing.T) {
	for _, p := range packages(t) {
		fset, documented := token.NewFileSet(), false
		for _, file := range p.GoFiles {
			f, err := parser.ParseFile(fset, filepath.Join(p.Dir, file), nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			documented = documented || f.Doc != nil
			for _, decl := range f.Decls {
				for _, name := range undocumented(decl) {
					t.Errorf("%s: %s: exported and without a comment", fset.Position(decl.Pos()), name)
				}
			}
		}
		if !documented {
			t.Errorf("package %s: no package comment", p.ImportPath)
		}
	}
}

func undocumented(decl ast.Decl) (names []string) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
			names = append(names, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
					names = append(names, s.Name.Name)
				}
			case *ast.ValueSpec:
				for _, n := range s.Names {
					if n.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
						names = append(names, n.Name)
					}
				}
			}
		}
	}
	return names
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	ident, ok := typ.(*ast.Ident)
	return ok && ident.IsExported()
}

// TestNoPackageState keeps the packages free of init functions: what a package
// does is started by who constructs it.
func TestNoPackageState(t *testing.T) {
	for _, p := range packages(t) {
		for _, file := range p.GoFiles {
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, file), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, decl := range f.Decls {
				if d, ok := decl.(*ast.FuncDecl); ok && d.Recv == nil && d.Name.Name == "init" {
					t.Errorf("%s/%s: has an init function", p.ImportPath, file)
				}
			}
		}
	}
}
