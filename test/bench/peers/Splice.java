import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/**
 * The JSON work of a hand-tuned job: the event is read as a stream of tokens, no further than the key, no tree is built, and
 * the row's bytes go right behind the brace of `properties`.
 */
final class Splice {
  private static final JsonFactory FACTORY =
      JsonFactory.builder().disable(JsonFactory.Feature.INTERN_FIELD_NAMES).build();
  private static final byte[] NAME = "\"product\":".getBytes(StandardCharsets.US_ASCII);

  final byte[] event;
  /** The text at properties.product_id, or null. */
  final String key;
  private final int behindBrace;

  private Splice(byte[] event, String key, int behindBrace) {
    this.event = event;
    this.key = key;
    this.behindBrace = behindBrace;
  }

  static Splice read(byte[] event) {
    try (JsonParser parser = FACTORY.createParser(event)) {
      parser.nextToken();
      if (!enter(parser, "properties") || !parser.isExpectedStartObjectToken()) return new Splice(event, null, 0);
      int behindBrace = (int) parser.currentTokenLocation().getByteOffset() + 1;
      boolean text = enter(parser, "product_id") && parser.hasToken(JsonToken.VALUE_STRING);
      return new Splice(event, text ? parser.getText() : null, behindBrace);
    } catch (IOException error) {
      throw new IllegalArgumentException(error);
    }
  }

  /** Goes to the value of the member of this name, if the object has one. */
  private static boolean enter(JsonParser parser, String name) throws IOException {
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      boolean found = parser.currentName().equals(name);
      parser.nextToken();
      if (found) return true;
      parser.skipChildren();
    }
    return false;
  }

  /** An object that has a key has a member, so a comma follows. */
  byte[] with(byte[] row) {
    if (row == null) return event;
    byte[] output = new byte[event.length + NAME.length + row.length + 1];
    int at = append(event, 0, behindBrace, output, 0);
    at = append(NAME, 0, NAME.length, output, at);
    at = append(row, 0, row.length, output, at);
    output[at++] = ',';
    append(event, behindBrace, event.length, output, at);
    return output;
  }

  private static int append(byte[] from, int start, int end, byte[] to, int at) {
    System.arraycopy(from, start, to, at, end - start);
    return at + end - start;
  }
}
