package signoff_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	signoff "github.com/signoff-dev/signoff/clients/go"
)

// all has a value of each kind of refusal.
var all = []signoff.Refusal{
	&signoff.StillWaitingError{}, &signoff.RejectedError{}, &signoff.AutoRejectedError{}, &signoff.TimedOutError{},
	&signoff.CancelledError{}, &signoff.RevokedError{}, &signoff.FrozenError{}, &signoff.AlreadyClaimedError{},
	&signoff.ClaimWindowClosedError{}, &signoff.DigestMismatchError{}, &signoff.UnknownStatusError{},
	&signoff.InvalidAnswerError{}, &signoff.UnavailableError{}, &signoff.RequestFailedError{},
	&signoff.InvalidArgumentsError{}, &signoff.InvalidEditError{},
}

// declaredRefusals are the types of the package that embed Refused, as its source says.
func declaredRefusals(t *testing.T) map[string]bool {
	t.Helper()
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".go") || strings.HasSuffix(file.Name(), "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(node ast.Node) bool {
			spec, ok := node.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if structure, ok := spec.Type.(*ast.StructType); ok {
				for _, field := range structure.Fields.List {
					if name, ok := field.Type.(*ast.Ident); ok && name.Name == "Refused" && len(field.Names) == 0 {
						found[spec.Name.Name] = true
					}
				}
			}
			return true
		})
	}
	return found
}

// Each kind is in the list of texts, and each of the list is a kind.
func TestTextsOfRefusals(t *testing.T) {
	t.Parallel()
	read := vectors[struct {
		Refusals []struct {
			Kind, Text    string
			DeveloperText string `json:"developer_text"`
			Fields        map[string]string
		}
	}](t, "refusals.json")
	kinds, seen := map[string]reflect.Type{}, map[string]bool{}
	for _, refusal := range all {
		made := reflect.TypeOf(refusal).Elem()
		kinds[made.Name()] = made
	}
	for _, vector := range read.Refusals {
		name := vector.Kind + "Error"
		kind, known := kinds[name]
		if !known {
			t.Errorf("there is no %s", name)
			continue
		}
		seen[name] = true
		made := reflect.New(kind)
		for field, value := range vector.Fields {
			setField(t, made.Elem(), field, value)
		}
		refusal, ok := made.Interface().(signoff.Refusal)
		if !ok || refusal.Error() != vector.Text {
			t.Errorf("%s: %s\nnot: %s", vector.Kind, refusal, vector.Text)
		}
		if refusal.DeveloperText() != vector.DeveloperText {
			t.Errorf("%s: %s\nnot: %s", vector.Kind, refusal.DeveloperText(), vector.DeveloperText)
		}
	}
	for name := range declaredRefusals(t) {
		if !seen[name] {
			t.Errorf("refusals.json or this test does not have %s", name)
		}
	}
	if len(seen) != len(declaredRefusals(t)) {
		t.Errorf("%d kinds in refusals.json, %d here", len(seen), len(declaredRefusals(t)))
	}
}

// setField sets the field with a name such as claimed_by.
func setField(t *testing.T, made reflect.Value, name, value string) {
	t.Helper()
	field := made.FieldByNameFunc(func(goName string) bool {
		return strings.EqualFold(goName, strings.ReplaceAll(name, "_", ""))
	})
	switch {
	case !field.IsValid():
		t.Errorf("%v has no %s", made.Type(), name)
	case field.Kind() == reflect.Bool:
		field.SetBool(value == "true")
	case field.CanInt():
		number, err := strconv.ParseInt(value, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		field.SetInt(number)
	default:
		field.SetString(value)
	}
}

// What is for people must not reach a model: addresses, causes, and what to configure.
func TestModelsAreNotToldWhatIsForPeople(t *testing.T) {
	t.Parallel()
	secret := "give a bearer token to https://approvals.internal"
	cause := errors.New(secret)
	for _, refusal := range []signoff.Refusal{
		&signoff.UnavailableError{Address: secret, Problem: secret, Cause: cause},
		&signoff.InvalidAnswerError{Address: secret, Problem: secret},
		&signoff.RequestFailedError{Address: secret, Reason: "UNAUTHENTICATED", Message: secret, Cause: cause},
		&signoff.StillWaitingError{Cause: cause}, &signoff.CancelledError{Cause: cause},
	} {
		if strings.Contains(refusal.Error(), secret) {
			t.Errorf("%T: %v", refusal, refusal)
		}
		if wrapped := errors.Unwrap(refusal); wrapped != nil && wrapped != cause {
			t.Errorf("%T: because of %v", refusal, wrapped)
		}
	}
}
