package evaluate

import (
	"encoding/json"
	"fmt"

	"github.com/pandora-go/pandora/procfile"
)

// problems reads what js/shared noted in a strict evaluation; value is nil in any other.
func problems(value any) ([]procfile.Problem, error) {
	if value == nil {
		return nil, nil
	}
	data, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var list []procfile.Problem
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, err
	}
	for i := range list {
		list[i].Severity = procfile.SeverityError
		list[i].Hint = hintOf(list[i].Code)
	}
	return list, nil
}

// hintOf says what to do about a refusal with a code of ours; "" when its message does.
func hintOf(code string) string {
	e := &Error{Kind: KindThrow, Code: code}
	e.advise()
	return e.Hint
}

// ProblemOf describes a failed evaluation as a problem.
func ProblemOf(e *Error) procfile.Problem {
	code := e.Code
	if code == "" || e.Kind != KindThrow {
		code = string(e.Kind)
	}
	p := procfile.Problem{Severity: procfile.SeverityError, Code: code, Message: e.Message, File: e.Path, Line: e.Line, Column: e.Column, Hint: e.Hint}
	if p.File == "" {
		p.File = e.Procfile
	}
	if called := notFunction().FindStringSubmatch(e.Message); called != nil && p.Hint == "" {
		name := called[1] + called[2]
		if near := procfile.Nearest(name); near != "" && near != name {
			p.Hint = fmt.Sprintf("did you mean .%s(…)?", near)
		}
	}
	return p
}

// notFunction is what V8 or Goja says of a misspelt member that is called.
var notFunction = lazyPattern(`\.([\w$]+) is not a function|has no member '([\w$]+)'`)
