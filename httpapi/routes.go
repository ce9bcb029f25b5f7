package httpapi

import "net/http"

// Variables of paths. A segment of digits only is a pid, anything else a name.
const (
	aName = "{name:[^/]*[^/0-9][^/]*}"
	aPid  = "{pid:[0-9]+}"
)

// What several routes take in their query.
var (
	waitParams = []Param{{"wait", "string", "answer when it has happened: true, or for how many seconds at most"}}

	heartbeatParam = Param{"heartbeat", "string", "true (60), false or a number of seconds: send an empty line after that long with nothing sent"}
	timeoutParam   = Param{"timeout", "number", "seconds after which the wait ends with 204"}
	placeParams    = []Param{
		{"since", "integer", "offset to start at; 0 is the oldest byte kept"},
		{"tail", "integer", "start so many lines back"},
	}
	feedParam    = Param{"feed", "string", "longpoll (default), continuous or eventsource"}
	streamParams = append([]Param{
		feedParam, heartbeatParam, timeoutParam,
		{"limit", "integer", "longpoll: at most so many bytes"},
		{"gap", "string", "skip: go on after bytes that are no longer kept (continuous)"},
		{"encoding", "string", "base64: exact chunks instead of lines (eventsource)"},
	}, placeParams...)
	socketParams = append([]Param{
		{"stream", "string", "another output than the first"},
		{"readonly", "boolean", "take no input"},
		{"binary", "boolean", "binary messages only"},
		{"gap", "boolean", "tell of missed bytes in a JSON text message instead of closing"},
		{"ack", "boolean", "tell of written input in JSON text messages, and of the input's offset in the header"},
		{"replaces", "string", "the Gaffer-Socket of a lost connection, which is ended first"},
	}, placeParams...)
	inputParams = []Param{
		{"at", "integer", "offset of the body's first byte: what was written before is skipped"},
		{"eof", "boolean", "close the input afterwards"},
		{"timeout", "number", "seconds after which the rest is not written"},
	}
	logParams = []Param{
		{"n", "string", "the last so many lines, or all (100, with stream 0; all with since)"},
		{"stream", "boolean", "then what comes, as a websocket if the request asks for one, else as server-sent events"},
		{"follow", "boolean", "stream: false ends it with what there is now"},
		{"ends", "boolean", "stream: true ends it when the app is gone, with a message of the event end"},
		{"filter", "string", "only these process types or instances: web|worker-2"},
		{"fd", "string", "stdout or stderr only"},
		{"grep", "string", "only lines that match this RE2 expression"},
		{"since", "string", "lines from that time on: 2015-02-16T02:02:43Z, or how long ago, such as 10m or 7d"},
		{"until", "string", "lines from before that time"},
		{"cursor", "string", "what follows the line that came with this cursor"},
		{"heartbeat", "string", "stream: seconds of silence before a ping (20), or false"},
		{"token", "string", "as it came in a logs_url"},
	}
	watchParams = []Param{
		feedParam, heartbeatParam, timeoutParam,
		{"since", "integer", "replay the events after this seq"},
	}
	reloadParams  = append([]Param{{"plan", "boolean", "tell what would be done, and do nothing"}}, waitParams...)
	upgradeParams = []Param{{"path", "string", "where the program is; without it, where the running one was started from"}}
	statsParams   = []Param{
		{"feed", "string", "continuous or eventsource: measure again and again"},
		{"interval", "number", "seconds between two measurements (1)"},
	}
)

const (
	streamType = "application/octet-stream"
	linesType  = "application/json"
)

// routes is the whole API.
func (s *Server) routes() []route {
	return []route{
		{get, "/", bodyIgnored, s.welcome, RouteDoc{Summary: "Who this is"}},
		{get, "/ping", bodyIgnored, s.ping, RouteDoc{Summary: "OK", Response: "text/plain"}},
		{get, "/version", bodyIgnored, s.showVersion, RouteDoc{Summary: "Version of the daemon and of this API"}},
		{get, "/openapi.json", bodyIgnored, s.openapi, RouteDoc{Summary: "This document"}},

		{get, "/processes", bodyIgnored, s.listProcesses, RouteDoc{Summary: "Names of all processes", Query: []Param{
			{"running", "boolean", "pids of all running instances instead"},
			{"info", "boolean", "whole objects with their state instead"},
		}}},
		{post, "/processes", bodyJSON, s.createProcess, RouteDoc{Summary: "Create a process", Query: waitParams, Body: "application/json"}},
		{get, "/processes/" + aName, bodyIgnored, s.showProcess, RouteDoc{Summary: "A process's description"}},
		{put, "/processes/" + aName, bodyJSON, s.updateProcess, RouteDoc{Summary: "Replace a process's description", Query: waitParams, Body: "application/json"}},
		{del, "/processes/" + aName, bodyIgnored, s.named(s.manager.Delete), RouteDoc{Summary: "Stop a process and forget it", Query: waitParams}},
		{get, "/processes/" + aName + "/_pids", bodyIgnored, s.listPIDs, RouteDoc{Summary: "Pids of a process's instances"}},
		{get, "/processes/" + aName + "/_exits", bodyIgnored, s.listExits, RouteDoc{Summary: "How the last instances ended, oldest first"}},
		{post, "/processes/" + aName + "/_start", bodyIgnored, s.named(s.manager.Start), RouteDoc{Summary: "Start a process", Query: waitParams}},
		{post, "/processes/" + aName + "/_stop", bodyIgnored, s.named(s.manager.Stop), RouteDoc{Summary: "Stop a process", Query: waitParams}},
		{post, "/processes/" + aName + "/_restart", bodyIgnored, s.named(s.manager.Restart), RouteDoc{Summary: "Restart a process", Query: waitParams}},
		{post, "/processes/" + aName + "/_add", bodyIgnored, s.resize(s.manager.Add), RouteDoc{Summary: "Run one instance more", Query: waitParams}},
		{post, "/processes/" + aName + "/_add/{n}", bodyIgnored, s.resize(s.manager.Add), RouteDoc{Summary: "Run n instances more", Query: waitParams}},
		{post, "/processes/" + aName + "/_sub", bodyIgnored, s.resize(s.manager.Sub), RouteDoc{Summary: "Run one instance less", Query: waitParams}},
		{post, "/processes/" + aName + "/_sub/{n}", bodyIgnored, s.resize(s.manager.Sub), RouteDoc{Summary: "Run n instances less", Query: waitParams}},
		{post, "/processes/" + aName + "/_scale/{n}", bodyIgnored, s.resize(s.manager.Scale), RouteDoc{Summary: "Run n instances", Query: waitParams}},
		{post, "/processes/" + aName + "/_signal/{signal}", bodyIgnored, s.signalProcess, RouteDoc{Summary: "Signal all instances of a process"}},

		{get, "/processes/" + aPid, bodyIgnored, s.showInstance, RouteDoc{Summary: "for a pid: a running instance"}},
		{del, "/processes/" + aPid, bodyIgnored, s.stopInstance, RouteDoc{Summary: "for a pid: stop this instance", Query: waitParams}},
		{post, "/processes/" + aPid + "/_stop", bodyIgnored, s.stopInstance, RouteDoc{Summary: "for a pid: stop this instance", Query: waitParams}},
		{post, "/processes/" + aPid + "/_signal/{signal}", bodyIgnored, s.signalInstance, RouteDoc{Summary: "for a pid: signal this instance"}},

		{get, "/status/" + aName, bodyIgnored, s.status, RouteDoc{Summary: "Whether a process is active and how many instances run"}},
		{get, "/pids", bodyIgnored, s.listInstances, RouteDoc{Summary: "All running instances"}},
		{get, "/stats", bodyIgnored, s.allStats, RouteDoc{Summary: "What all processes use", Query: statsParams}},
		{get, "/stats/" + aName, bodyIgnored, s.processStats, RouteDoc{Summary: "What a process uses", Query: statsParams}},
		{get, "/stats/" + aName + "/" + aPid, bodyIgnored, s.instanceStats, RouteDoc{Summary: "What an instance uses", Query: statsParams}},

		{get, "/groups", bodyIgnored, s.listGroups, RouteDoc{Summary: "Names of all groups"}},
		{get, "/groups/{group}", bodyIgnored, s.listGroup, RouteDoc{Summary: "Names of a group's processes"}},
		{del, "/groups/{group}", bodyIgnored, s.grouped(s.manager.DeleteGroup), RouteDoc{Summary: "Stop a group and forget it", Query: waitParams}},
		{post, "/groups/{group}/_start", bodyIgnored, s.grouped(s.manager.StartGroup), RouteDoc{Summary: "Start a group", Query: waitParams}},
		{post, "/groups/{group}/_stop", bodyIgnored, s.grouped(s.manager.StopGroup), RouteDoc{Summary: "Stop a group", Query: waitParams}},
		{post, "/groups/{group}/_restart", bodyIgnored, s.grouped(s.manager.RestartGroup), RouteDoc{Summary: "Restart a group", Query: waitParams}},

		{get, "/watch", bodyIgnored, s.watch, RouteDoc{Summary: "Events", Query: watchParams, Response: linesType}},
		{get, "/watch/{p1}", bodyIgnored, s.watch, RouteDoc{Summary: "Events of one kind", Query: watchParams, Response: linesType}},
		{get, "/watch/{p1}/{p2}", bodyIgnored, s.watch, RouteDoc{Summary: "Events of one process", Query: watchParams, Response: linesType}},
		{get, "/watch/{p1}/{p2}/{p3}", bodyIgnored, s.watch, RouteDoc{Summary: "Events of one kind of one process", Query: watchParams, Response: linesType}},

		{get, "/streams/" + aPid + "/{stream}", bodyIgnored, s.readStream, RouteDoc{Summary: "Output of an instance", Query: streamParams, Response: streamType}},
		{post, "/streams/" + aPid + "/{stream}", bodyStreamed, s.writeStream, RouteDoc{Summary: "Input of an instance", Query: inputParams, Body: streamType}},
		{get, "/apps/{app}/logs", bodyIgnored, s.showLogs, RouteDoc{Summary: "Output of all instances of an app as one log", Query: logParams, Response: "text/plain"}},
		{get, "/v1/apps/{app}/logs", bodyIgnored, s.logsURL, RouteDoc{Summary: "A URL by which an app's logs can be read for an hour"}},
		{post, "/_reload", bodyIgnored, s.reloadConfiguration, RouteDoc{Summary: "Read the configuration file again and follow it", Query: reloadParams}},
		{post, "/_upgrade", bodyEmpty, s.upgradeDaemon, RouteDoc{Summary: "Go on in another program, while processes run on", Query: upgradeParams}},
		{post, "/run", bodyJSON, s.run, RouteDoc{Summary: "Run a program once", Body: "application/json"}},

		{get, "/webhooks", bodyIgnored, s.listWebhooks, RouteDoc{Summary: "Where events are sent, and how that goes"}},
		{post, "/webhooks", bodyJSON, s.addWebhook, RouteDoc{Summary: "Send events to a URL", Body: "application/json", schema: "Webhook"}},
		{get, "/webhooks/{id}", bodyIgnored, s.showWebhook, RouteDoc{Summary: "How the deliveries of a webhook go"}},
		{del, "/webhooks/{id}", bodyIgnored, s.removeWebhook, RouteDoc{Summary: "Send no more events there"}},

		{get, "/tokens", bodyIgnored, s.listTokens, RouteDoc{Summary: "Who may come in with a token, and to do what"}},
		{post, "/tokens", bodyJSON, s.addToken, RouteDoc{Summary: "Make a token, which is told this once", Body: "application/json", schema: "Token"}},
		{del, "/tokens/{token}", bodyIgnored, s.revokeToken, RouteDoc{Summary: "Make a token good for nothing"}},

		{get, pluginsPath, bodyIgnored, s.listPlugins, RouteDoc{Summary: "Names of the plugins"}},
		{get, pluginsPath + "/{plugin}", bodyIgnored, s.redirectPlugin, RouteDoc{Summary: "Leads to a plugin's page", Response: "text/html"}},
		{get, pluginsPath + "/{plugin}/{path:.*}", bodyIgnored, s.servePlugin, RouteDoc{Summary: "A plugin's page, or another file of it", Response: "text/html"}},

		{get, "/wstreams/" + aPid, bodyIgnored, s.websocket, RouteDoc{Summary: "Input and output of an instance as a websocket", Query: socketParams, Response: streamType}},
	}
}

const (
	get  = http.MethodGet
	post = http.MethodPost
	put  = http.MethodPut
	del  = http.MethodDelete
)
