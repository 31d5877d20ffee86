// The page of the chat: all of it.
#pragma once

namespace chat {

inline constexpr const char* k_page = R"html(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>goro chat</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 42em; margin: 2em auto; padding: 0 1em }
  #lines { height: 60vh; overflow-y: auto; border: 1px solid #888; padding: .5em; white-space: pre-wrap }
  form { display: flex; gap: .5em; margin: .5em 0 }
  #text { flex: 1 }
</style>
<h1>goro chat</h1>
<form id="enter">
  <input id="name" placeholder="name" maxlength="16" required autofocus>
  <input id="room" placeholder="room" maxlength="16" value="lobby" required>
  <button>enter</button>
</form>
<div id="lines" role="log"></div>
<form id="speak"><input id="text" maxlength="1000" autocomplete="off" disabled><button>say</button></form>
<script>
  const $ = id => document.getElementById(id);
  let socket;
  const show = line => {
    $("lines").append(line + "\n");
    $("lines").scrollTop = $("lines").scrollHeight;
  };
  $("enter").onsubmit = event => {
    event.preventDefault();
    if (socket) socket.close();
    const url = "ws" + location.protocol.slice(4) + "//" + location.host + "/ws?name=" +
      encodeURIComponent($("name").value) + "&room=" + encodeURIComponent($("room").value);
    socket = new WebSocket(url);
    socket.onopen = () => { $("text").disabled = false; $("text").focus(); };
    socket.onmessage = event => show(event.data);
    socket.onclose = () => { $("text").disabled = true; show("* the connection is closed"); };
  };
  $("speak").onsubmit = event => {
    event.preventDefault();
    if ($("text").value) socket.send($("text").value);
    $("text").value = "";
  };
</script>
</html>
)html";

}  // namespace chat
