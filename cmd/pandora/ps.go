package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/shirou/gopsutil/v4/process"
	"github.com/spf13/cobra"
)

func (c *cli) psCommand() *cobra.Command {
	var f *format
	var watch watchFlags
	cmd := &cobra.Command{
		Use:     "ps <appName>",
		Short:   "Show the processes of an application as a tree, from its guard down",
		Example: "  pandora ps shop",
		Args:    arguments(1, 1, "one application name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return c.repeat(ctx, watch, func(c *cli) error { return c.ps(ctx, args[0], f) })
		},
	}
	f = addFormat(cmd)
	watch.add(cmd)
	return cmd
}

// processNode is one process and what it started.
type processNode struct {
	PID      int            `json:"pid"`
	Command  string         `json:"command"`
	Children []*processNode `json:"children"`
}

// ps runs the verb ps.
func (c *cli) ps(ctx context.Context, name string, f *format) error {
	app, err := c.lookUp(ctx, name)
	if err != nil || app == nil {
		return err
	}
	if !f.document() {
		c.wrapping(0).say("Gathering process tree information...")
	}
	var tree *processNode
	if app.GuardPID != 0 {
		if tree, err = processTree(ctx, app.GuardPID); err != nil {
			return err
		}
	}
	if f.document() {
		return c.printDocument(f, tree)
	}
	if tree != nil {
		printTree(c.wrapping(0).out, tree, "", true)
	}
	return nil
}

// processTree finds a process and everything below it; nil when it is gone.
func processTree(ctx context.Context, root int) (*processNode, error) {
	all, err := process.ProcessesWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	children := map[int][]*process.Process{}
	var top *process.Process
	for _, p := range all {
		if int(p.Pid) == root {
			top = p
		}
		if parent, err := p.PpidWithContext(ctx); err == nil { // else it has just ended
			children[int(parent)] = append(children[int(parent)], p)
		}
	}
	if top == nil {
		return nil, nil
	}
	var build func(p *process.Process) *processNode
	build = func(p *process.Process) *processNode {
		node := &processNode{PID: int(p.Pid), Command: commandOf(ctx, p), Children: []*processNode{}}
		for _, child := range children[int(p.Pid)] {
			node.Children = append(node.Children, build(child))
		}
		slices.SortFunc(node.Children, func(a, b *processNode) int { return a.PID - b.PID })
		return node
	}
	return build(top), nil
}

// commandOf is the command line of a process, or its name where it has none.
func commandOf(ctx context.Context, p *process.Process) string {
	if line, err := p.CmdlineWithContext(ctx); err == nil && strings.TrimSpace(line) != "" {
		return strings.TrimSpace(line)
	}
	name, err := p.NameWithContext(ctx)
	if err != nil {
		return "?"
	}
	return "[" + name + "]"
}

// printTree writes a tree the way 1.x did.
func printTree(w io.Writer, node *processNode, lead string, last bool) {
	branch, next := "├─ ", "│  "
	if last {
		branch, next = "└─ ", "   "
	}
	fmt.Fprintf(w, "%s%s[%d] %s\n", lead, branch, node.PID, printable(node.Command))
	for i, child := range node.Children {
		printTree(w, child, lead+next, i == len(node.Children)-1)
	}
}
