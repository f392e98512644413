// A publisher, a bot and a trainer over another implementation of ZeroMQ (JeroMQ, as Debian has it), for test_foreign.py:
//   java -cp jeromq.jar JeroMq.java publisher EVENTS COUNT | bot EVENTS COMMANDS COUNT | trainer CONTROL NAME
import org.zeromq.ZMQ;

class JeroMq {
  public static void main(String[] arguments) {
    ZMQ.Context context = ZMQ.context(1);
    switch (arguments[0]) {
      case "publisher": publish(context, arguments[1], Integer.parseInt(arguments[2])); break;
      case "bot": ask(context, arguments[1], arguments[2], Integer.parseInt(arguments[3])); break;
      default: serve(context, arguments[1], arguments[2]);
    }
    context.term();
  }

  static ZMQ.Socket connected(ZMQ.Context context, int type, String address) {
    ZMQ.Socket socket = context.socket(type);
    socket.setLinger(5000);
    socket.setReceiveTimeOut(60_000);
    socket.setHWM(0);  // else it drops what its thousand places have no room for
    socket.connect(address);
    return socket;
  }

  // An XPUB sees that the bridge has subscribed.
  static void publish(ZMQ.Context context, String events, int count) {
    ZMQ.Socket socket = connected(context, ZMQ.XPUB, events);
    socket.recv();
    for (int n = 1; n <= count; ++n) {
      socket.send("{\"type\":\"t\",\"source\":\"java\",\"run\":\"r1\",\"source_seq\":" + n + ",\"data\":{\"n\":" + n + "}}");
    }
    System.out.println("sent " + count);
    socket.close();
  }

  // Says what it is told: of a question, and of a subscription that begins with a type.
  static void ask(ZMQ.Context context, String events, String commands, int count) {
    ZMQ.Socket reader = connected(context, ZMQ.SUB, events);
    reader.subscribe("t/".getBytes());
    ZMQ.Socket asking = connected(context, ZMQ.REQ, commands);
    asking.send("{\"command\":\"get_status\",\"id\":7}");
    System.out.println(asking.recvStr());
    for (int n = 0; n < count; ++n) {
      System.out.println(reader.recvStr() + " " + reader.recvStr());
    }
    reader.close();
    asking.close();
  }

  // Says who it is, takes one command and answers it.
  static void serve(ZMQ.Context context, String control, String name) {
    ZMQ.Socket socket = connected(context, ZMQ.DEALER, control);
    socket.sendMore("");
    socket.send("{\"type\":\"_source\",\"source\":\"" + name + "\",\"run\":\"r1\",\"data\":{\"commands\":[\"pause\"]}}");
    System.out.println("hello");
    String request;
    do {
      socket.recvStr();  // the empty frame
      request = socket.recvStr();
    } while (!request.contains("\"command\":\"pause\""));
    String id = request.replaceAll(".*\"id\":(\"[^\"]*\").*", "$1");
    socket.sendMore("");
    socket.send("{\"id\":" + id + ",\"success\":true,\"result\":{\"by\":\"java\"}}");
    socket.close();
  }
}
