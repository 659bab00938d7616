package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/internal/top"
)

// topFrames is how often the terminal is written to at most, in a second.
const topFrames = 30

// topLive shows the live view until the user or a signal ends it. The terminal is then as it was before.
func (c *cli) topLive(ctx context.Context, home state.Home, source *topSource, options top.Options, interval time.Duration) error {
	view := &topView{page: top.New(options), interval: interval, colour: c.outColour}
	// A selector that names nothing is told of before the screen is taken.
	if sample, err := source.sample(ctx); err == nil {
		view.measured(sample)
	} else if exitCode(err) == exitNotFound {
		return err
	}
	program := tea.NewProgram(view, tea.WithOutput(c.out), tea.WithEnvironment(c.environ),
		tea.WithoutSignalHandler(), tea.WithFPS(topFrames))
	actor := &topActor{cli: c, home: home, daemon: source.daemon, tell: func(t top.Told) { program.Send(t) }}
	view.poll = func() tea.Msg { return topPoll(ctx, source) }
	view.act = func(a top.Action) tea.Cmd { return func() tea.Msg { return actor.act(ctx, a) } }
	// Not by the library's own context, with which it lets go of the terminal while it still reads.
	stop := context.AfterFunc(ctx, program.Quit)
	defer stop()
	_, err := program.Run()
	switch {
	case ctx.Err() != nil, err == nil:
		return nil // the user, or who sent a signal, has seen enough
	case errors.Is(err, tea.ErrProgramPanic):
		return errors.New("top ended by a mistake of its own; the terminal is as it was before, and what went wrong is shown above")
	}
	return fmt.Errorf("show the live view: %w", err)
}

// topView is the view on a terminal: it turns what comes from there into messages of the page, and does what the page asks
// for. The library calls its methods from one goroutine, and its commands from others.
type topView struct {
	page     top.Model
	interval time.Duration
	colour   bool
	// logs are where the output is of what was known last; following is whose was read last, and followed how many lines.
	logs      map[top.Target]topLog
	following top.Target
	followed  int
	// poll asks for a sample, and act carries an action out.
	poll tea.Cmd
	act  func(top.Action) tea.Cmd
}

// topDue is the message that it is time for the next sample.
type topDue struct{}

// topAway is the message that there is no sample, and why.
type topAway struct{ why string }

// Init implements tea.Model.
func (v *topView) Init() tea.Cmd { return v.poll }

// Update implements tea.Model.
func (v *topView) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var cmds []tea.Cmd
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		v.take(top.Size{Width: msg.Width, Height: msg.Height})
	case tea.KeyPressMsg:
		cmds = append(cmds, v.do(v.take(top.Key{Name: msg.String(), Text: msg.Text})))
	case tea.PasteMsg:
		v.take(top.Key{Text: msg.Content})
	case topDue:
		return v, v.poll
	case topMeasured:
		v.measured(msg)
		cmds = append(cmds, v.later())
	case topAway:
		v.take(top.Away{At: time.Now(), Why: msg.why})
		cmds = append(cmds, v.later())
	case top.Tail, top.Told:
		v.take(msg)
	}
	return v, tea.Batch(append(cmds, v.follow())...)
}

// later makes the message that it is time for the next sample.
func (v *topView) later() tea.Cmd {
	return tea.Tick(v.interval, func(time.Time) tea.Msg { return topDue{} })
}

// measured takes a sample in. The log may have more lines then, too.
func (v *topView) measured(m topMeasured) {
	v.logs, v.followed = m.logs, 0
	v.take(top.Sampled{Sample: m.Sample})
}

// take gives a message to the page.
func (v *topView) take(message any) (effect top.Effect) {
	v.page, effect = v.page.Update(message)
	return effect
}

// do does what the page asks for.
func (v *topView) do(effect top.Effect) tea.Cmd {
	switch effect := effect.(type) {
	case top.Quit:
		return tea.Quit
	case top.Suspend:
		return tea.Suspend
	case top.Action:
		return v.act(effect)
	}
	return nil
}

// topPoll asks for a sample.
func topPoll(ctx context.Context, source *topSource) tea.Msg {
	sample, err := source.sample(ctx)
	switch {
	case err == nil:
		return sample
	case errors.Is(err, control.ErrUnreachable):
		return topAway{notRunning + ", it is asked again and again; [ pandora start ] starts it, q quits"}
	}
	return topAway{"the daemon cannot be asked: " + oneLine(err.Error())}
}

// follow reads the log of what is selected, if that was not done since it was selected and measured.
func (v *topView) follow() tea.Cmd {
	of, lines := v.page.Follow()
	if lines == 0 || of == v.following && lines <= v.followed {
		return nil
	}
	v.following, v.followed = of, lines
	log := v.logs[of]
	return func() tea.Msg { return top.Tail{Of: of, Lines: log.tail(lines)} }
}

// View implements tea.Model.
func (v *topView) View() tea.View {
	lines := v.page.View()
	text := make([]string, len(lines))
	for i, line := range lines {
		text[i] = styled(line, v.colour, true)
	}
	view := tea.NewView(strings.Join(text, "\n"))
	view.AltScreen = true
	return view
}

// styled is a line with its styles as a terminal reads them: colours if they are wanted, and the rest if marks are.
func styled(line top.Line, colour, marks bool) string {
	var b strings.Builder
	for _, s := range line {
		var codes []string
		for _, known := range []struct {
			style  top.Style
			code   string
			colour bool
		}{
			{top.Bold, "1", false}, {top.Dim, "2", false}, {top.Reverse, "7", false},
			{top.Good, "32", true}, {top.Warn, "33", true}, {top.Bad, "31", true},
		} {
			if s.Style&known.style != 0 && (known.colour && colour || !known.colour && marks) {
				codes = append(codes, known.code)
			}
		}
		if len(codes) == 0 {
			b.WriteString(s.Text)
			continue
		}
		b.WriteString("\x1b[" + strings.Join(codes, ";") + "m" + s.Text + "\x1b[m")
	}
	return b.String()
}
