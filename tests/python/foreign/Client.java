// The WebSocket of Java's own library, as clients.py does it: java Client.java URL REGISTER COUNT
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

class Client implements WebSocket.Listener {
  final StringBuilder begun = new StringBuilder();
  final CompletableFuture<Integer> closed = new CompletableFuture<>();
  final int count;
  int seen = 0;

  Client(int count) { this.count = count; }

  public static void main(String[] arguments) throws Exception {
    Client client = new Client(Integer.parseInt(arguments[2]));
    WebSocket socket = HttpClient.newHttpClient().newWebSocketBuilder().subprotocols("ppo-bridge.v1")
        .buildAsync(URI.create(arguments[0]), client).join();
    socket.sendText(arguments[1], true).join();
    System.out.println("closed " + client.closed.join());
  }

  public CompletionStage<?> onText(WebSocket socket, CharSequence part, boolean last) {
    begun.append(part);
    socket.request(1);
    if (!last) return null;
    System.out.println(begun);
    begun.setLength(0);
    return ++seen == count ? socket.sendClose(WebSocket.NORMAL_CLOSURE, "") : null;
  }

  public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
    closed.complete(code);
    return null;
  }

  public void onError(WebSocket socket, Throwable error) { closed.completeExceptionally(error); }
}
