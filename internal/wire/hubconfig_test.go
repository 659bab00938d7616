package wire

import (
	"encoding/json"
	"testing"
)

// TestHubConfigOfAll: who asks all that have published the daemon's object gets a list, of one.
func TestHubConfigOfAll(t *testing.T) {
	p := join(t, startHub(t), "p")
	for method, want := range map[string]bool{"getAllTopics": true, "nope": false} {
		r := p.call(map[string]any{"objectName": configName}, map[string]any{
			"action": "OBJECT_ACTION_INVOKE", "propertyName": method, "data": []any{}, "broadcast": true,
		})
		if !r.Success || len(r.BatchReply) != 1 {
			t.Errorf("%s: %+v, want a list of one answer", method, r)
			continue
		}
		var one hubReply
		if err := json.Unmarshal(r.BatchReply[0], &one); err != nil || one.Success != want || (one.Error == nil) != want {
			t.Errorf("%s: %s, %v", method, r.BatchReply[0], err)
		}
	}
}
