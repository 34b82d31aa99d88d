// SPDX-License-Identifier: Apache-2.0
// Client NAME PORT: exit 0 when the handshake with 127.0.0.1:PORT verifies for NAME as HTTPS does, 1 when it is refused.
// Trust: -Djavax.net.ssl.trustStore. The socket is HttpsURLConnection's own kind, with its endpoint identification.
import java.net.Socket;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;

public class Client {
  public static void main(String[] arguments) throws Exception {
    int port = Integer.parseInt(arguments[1]);
    Socket plain = new Socket("127.0.0.1", port);
    SSLSocketFactory factory = (SSLSocketFactory) SSLSocketFactory.getDefault();
    try (SSLSocket socket = (SSLSocket) factory.createSocket(plain, arguments[0], port, true)) {
      SSLParameters parameters = socket.getSSLParameters();
      parameters.setEndpointIdentificationAlgorithm("HTTPS");
      socket.setSSLParameters(parameters);
      socket.startHandshake();
    } catch (javax.net.ssl.SSLException refused) {
      System.out.println(refused.getMessage());
      System.exit(1);
    }
  }
}
