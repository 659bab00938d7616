package engine

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
)

// goja reads \p{…} in a regular expression as literal text. So the text of such expressions is written out: every
// property becomes the ranges of its characters.

// expandRegExp is the native behind the RegExp of transformed files: (pattern, whether it has the flag v) → the pattern
// without properties, or {refused} with what is not known here.
func (r *Runtime) expandRegExp(call goja.FunctionCall) goja.Value {
	text, refused := expandProperties(call.Argument(0).String(), call.Argument(1).ToBoolean())
	if refused == "" {
		return r.vm.ToValue(text)
	}
	answer := r.vm.NewObject()
	_ = answer.Set("refused", refused)
	return answer
}

// expandLiterals writes out the properties in regular expressions that esbuild leaves as literals: those in classes. It
// returns what cannot be expressed.
func expandLiterals(body *ast.FunctionLiteral) (refused string) {
	walk(body.Body, func(node any) bool {
		literal, ok := node.(*ast.RegExpLiteral)
		if !ok || !strings.Contains(literal.Flags, "u") || !strings.Contains(literal.Pattern, `\p{`) && !strings.Contains(literal.Pattern, `\P{`) {
			return true
		}
		text, not := expandProperties(literal.Pattern, false)
		if not != "" {
			refused = not
			return false
		}
		literal.Pattern = text
		return false
	})
	return refused
}

// expandProperties replaces \p{…} and \P{…} by ranges. sets says that the pattern has the flag v; what only that allows
// is refused. refused names what cannot be expressed.
func expandProperties(pattern string, sets bool) (text, refused string) {
	var b strings.Builder
	inClass := false
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		switch {
		case c == '\\' && i+1 < len(pattern):
			escape := pattern[i+1]
			if escape != 'p' && escape != 'P' {
				if sets && escape == 'q' && inClass {
					return "", `\q{…} in a regular expression`
				}
				b.WriteString(pattern[i : i+2])
				i++
				continue
			}
			name, _, ok := strings.Cut(pattern[min(i+3, len(pattern)):], "}")
			if !ok || i+2 >= len(pattern) || pattern[i+2] != '{' {
				return "", "an incomplete property in a regular expression"
			}
			table := propertyTable(name)
			if table == nil || escape == 'P' && inClass {
				return "", fmt.Sprintf(`\%c{%s} in a regular expression`, escape, name)
			}
			writeTable(&b, table, escape == 'P', inClass)
			i += 3 + len(name)
		case inClass && sets && (c == '[' || strings.HasPrefix(pattern[i:], "--") || strings.HasPrefix(pattern[i:], "&&")):
			return "", "a set operation in a regular expression"
		case c == '[':
			inClass = true
			b.WriteByte(c)
		case c == ']':
			inClass = false
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), ""
}

// runeRange is a range of characters, both ends included.
type runeRange struct{ low, high rune }

// writeTable writes the characters of a table as a part of a class, or them or all others as a class.
func writeTable(b *strings.Builder, ranges []runeRange, others, inClass bool) {
	if !inClass && others {
		b.WriteString("[^")
	} else if !inClass {
		b.WriteString("[")
	}
	for _, one := range ranges {
		writeRune(b, one.low)
		if one.high > one.low {
			b.WriteByte('-')
			writeRune(b, one.high)
		}
	}
	if !inClass {
		b.WriteString("]")
	}
}

// writeRune writes a character so that it means itself in a class.
func writeRune(b *strings.Builder, c rune) {
	switch {
	case c < 0x80:
		fmt.Fprintf(b, `\x%02x`, c)
	case c <= 0xffff:
		fmt.Fprintf(b, `\u%04x`, c)
	default:
		b.WriteRune(c)
	}
}

// complement lists what is not in sorted ranges.
func complement(ranges []runeRange) []runeRange {
	var all []runeRange
	next := rune(0)
	for _, one := range ranges {
		if one.low > next {
			all = append(all, runeRange{next, one.low - 1})
		}
		next = one.high + 1
	}
	if next <= unicode.MaxRune {
		all = append(all, runeRange{next, unicode.MaxRune})
	}
	return all
}

// propertyTable returns the characters with a property as JavaScript names it, sorted; nil when it is not known.
func propertyTable(property string) []runeRange {
	name, value, pair := strings.Cut(property, "=")
	switch {
	case pair && (name == "Script" || name == "sc"):
		if table := unicode.Scripts[scriptName(value)]; table != nil {
			return flatten([]*unicode.RangeTable{table}, nil)
		}
		return nil
	case pair && (name == "General_Category" || name == "gc"):
		return categoryTable(value)
	case pair:
		return nil
	}
	if table := categoryTable(name); table != nil {
		return table
	}
	p, c := unicode.Properties, unicode.Categories
	lower := []*unicode.RangeTable{c["Ll"], p["Other_Lowercase"]}
	upper := []*unicode.RangeTable{c["Lu"], p["Other_Uppercase"]}
	start := []*unicode.RangeTable{c["L"], c["Nl"], p["Other_ID_Start"]}
	syntax := []*unicode.RangeTable{p["Pattern_Syntax"], p["Pattern_White_Space"]}
	switch name {
	case "Any":
		return []runeRange{{0, unicode.MaxRune}}
	case "ASCII":
		return []runeRange{{0, 0x7f}}
	case "Assigned":
		return complement(categoryTable("Cn"))
	case "Lowercase", "Lower":
		return flatten(lower, nil)
	case "Uppercase", "Upper":
		return flatten(upper, nil)
	case "Alphabetic", "Alpha":
		all := append(slices.Concat(lower, upper), c["Lt"], c["Lm"], c["Lo"], c["Nl"], p["Other_Alphabetic"])
		return flatten(all, nil)
	case "ID_Start", "IDS":
		return flatten(start, syntax)
	case "ID_Continue", "IDC":
		return flatten(append(start, c["Mn"], c["Mc"], c["Nd"], c["Pc"], p["Other_ID_Continue"]), syntax)
	case "White_Space", "space", "ASCII_Hex_Digit", "Hex_Digit", "Dash", "Diacritic", "Ideographic", "Pattern_Syntax",
		"Pattern_White_Space", "Quotation_Mark", "Sentence_Terminal", "Terminal_Punctuation", "Variation_Selector",
		"Noncharacter_Code_Point", "Regional_Indicator", "Unified_Ideograph", "Soft_Dotted", "Radical", "Extender":
		if name == "space" {
			name = "White_Space"
		}
		return flatten([]*unicode.RangeTable{p[name]}, nil)
	}
	return nil
}

// categoryTable returns the characters of a general category, by its short or long name.
func categoryTable(name string) []runeRange {
	if short, ok := unicode.CategoryAliases[name]; ok {
		name = short
	}
	table := unicode.Categories[name]
	if table == nil {
		return nil
	}
	return flatten([]*unicode.RangeTable{table}, nil)
}

// scriptName is the long name of a script.
func scriptName(name string) string {
	switch name {
	case "Arab":
		return "Arabic"
	case "Cyrl":
		return "Cyrillic"
	case "Deva":
		return "Devanagari"
	case "Grek":
		return "Greek"
	case "Hang":
		return "Hangul"
	case "Hani":
		return "Han"
	case "Hebr":
		return "Hebrew"
	case "Hira":
		return "Hiragana"
	case "Kana":
		return "Katakana"
	case "Latn":
		return "Latin"
	case "Zyyy":
		return "Common"
	}
	return name
}

// flatten lists the characters that are in one of the tables and in none of the others, as sorted ranges.
func flatten(tables, without []*unicode.RangeTable) []runeRange {
	var list []runeRange
	add := func(low, high, stride rune) {
		if stride == 1 && len(without) == 0 {
			list = append(list, runeRange{low, high})
			return
		}
		for c := low; c <= high; c += stride {
			if !unicode.In(c, without...) {
				list = append(list, runeRange{c, c})
			}
		}
	}
	for _, table := range tables {
		for _, one := range table.R16 {
			add(rune(one.Lo), rune(one.Hi), rune(one.Stride))
		}
		for _, one := range table.R32 {
			add(rune(one.Lo), rune(one.Hi), rune(one.Stride))
		}
	}
	slices.SortFunc(list, func(a, b runeRange) int { return int(a.low - b.low) })
	merged := list[:0]
	for _, one := range list {
		if last := len(merged) - 1; last >= 0 && one.low <= merged[last].high+1 {
			merged[last].high = max(merged[last].high, one.high)
			continue
		}
		merged = append(merged, one)
	}
	return merged
}
