import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.Reader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.avro.AvroRuntimeException;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.Encoder;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Prints topics as JSON, one object a record, from the beginning to the end as it is now.
 *
 * <p>Plain Apache Avro and a registry's Confluent API; nothing of davy's. Values are in Avro's own
 * JSON encoding. Bytes are told as characters of ISO 8859-1, there and in headers; a value is told as
 * bytes where its topic has no subject or where it is damaged. {@code KAFKA_PROPERTIES} names a file
 * of client properties.
 */
public final class AvroReader {
  static final ObjectMapper JSON =
      JsonMapper.builder().enable(JsonWriteFeature.ESCAPE_NON_ASCII).build();
  static final Duration ANSWER = Duration.ofSeconds(10);
  static final int FRAMING = 5;

  private AvroReader() {}

  public static void main(String[] args) throws IOException, InterruptedException {
    if (args.length < 3) {
      System.err.println("usage: java AvroReader.java BOOTSTRAP REGISTRY_URL TOPIC ...");
      System.exit(2);
    }
    try {
      print(args[0], new Registry(args[1]), Arrays.asList(args).subList(2, args.length));
    } catch (KafkaException | IllegalArgumentException refusal) {
      System.err.println(refusal.getClass().getSimpleName() + ": " + refusal.getMessage());
      System.exit(1);
    }
  }

  static void print(String bootstrap, Registry registry, List<String> topics)
      throws IOException, InterruptedException {
    try (KafkaConsumer<String, byte[]> consumer = new KafkaConsumer<>(settings(bootstrap))) {
      List<TopicPartition> places = places(consumer, topics);
      consumer.assign(places);
      consumer.seekToBeginning(places);
      Map<TopicPartition, Long> ends = consumer.endOffsets(places, ANSWER);
      while (!isRead(consumer, ends)) {
        for (ConsumerRecord<String, byte[]> record : consumer.poll(Duration.ofMillis(200))) {
          System.out.println(JSON.writeValueAsString(told(record, registry)));
        }
      }
    }
  }

  static Properties settings(String bootstrap) throws IOException {
    Properties settings = new Properties();
    String file = System.getenv("KAFKA_PROPERTIES");
    if (file != null) {
      try (Reader text = Files.newBufferedReader(Path.of(file))) {
        settings.load(text);
      }
    }
    settings.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
    settings.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
    settings.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, false);
    settings.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
    settings.put(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, StringDeserializer.class);
    settings.put(ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
    return settings;
  }

  static List<TopicPartition> places(KafkaConsumer<?, ?> consumer, List<String> topics) {
    List<TopicPartition> places = new ArrayList<>();
    for (String topic : topics) {
      List<PartitionInfo> partitions = consumer.partitionsFor(topic, ANSWER);
      if (partitions == null || partitions.isEmpty()) {
        throw new IllegalArgumentException("no topic " + topic + "; names carry their prefix");
      }
      for (PartitionInfo partition : partitions) {
        places.add(new TopicPartition(topic, partition.partition()));
      }
    }
    return places;
  }

  static boolean isRead(KafkaConsumer<?, ?> consumer, Map<TopicPartition, Long> ends) {
    for (Map.Entry<TopicPartition, Long> end : ends.entrySet()) {
      if (consumer.position(end.getKey(), ANSWER) < end.getValue()) {
        return false;
      }
    }
    return true;
  }

  static ObjectNode told(ConsumerRecord<String, byte[]> record, Registry registry)
      throws IOException, InterruptedException {
    ObjectNode line = JSON.createObjectNode();
    line.put("topic", record.topic());
    line.put("partition", record.partition());
    line.put("offset", record.offset());
    line.put("key", record.key());
    ObjectNode headers = line.putObject("headers");
    for (Header header : record.headers()) {
      headers.put(header.key(), text(header.value()));
    }
    JsonNode value = null;
    if (record.value() != null && registry.hasSubject(record.topic() + "-value")) {
      value = decoded(record.value(), registry);
    }
    if (value == null) {
      line.put("value", text(record.value()));
    } else {
      line.set("value", value);
    }
    return line;
  }

  static String text(byte[] raw) {
    return raw == null ? null : new String(raw, StandardCharsets.ISO_8859_1);
  }

  /** The value as JSON; null where it is none of a schema that the registry knows. */
  static JsonNode decoded(byte[] value, Registry registry)
      throws IOException, InterruptedException {
    if (value.length < FRAMING || value[0] != 0) {
      return null;
    }
    Schema schema = registry.schema(ByteBuffer.wrap(value).getInt(1));
    if (schema == null) {
      return null;
    }
    try {
      return json(value, schema);
    } catch (IOException | AvroRuntimeException | IndexOutOfBoundsException damaged) {
      return null;
    }
  }

  static JsonNode json(byte[] value, Schema schema) throws IOException {
    BinaryDecoder decoder =
        DecoderFactory.get().binaryDecoder(value, FRAMING, value.length - FRAMING, null);
    Object datum = new GenericDatumReader<Object>(schema).read(null, decoder);
    if (!decoder.isEnd()) {
      throw new AvroRuntimeException("bytes are left over after the value");
    }
    ByteArrayOutputStream text = new ByteArrayOutputStream();
    Encoder encoder = EncoderFactory.get().jsonEncoder(schema, text);
    new GenericDatumWriter<Object>(schema).write(datum, encoder);
    encoder.flush();
    return JSON.readTree(text.toByteArray());
  }

  /** Schemas by id, and which subjects there are; each is asked for once. */
  static final class Registry {
    private final HttpClient http =
        HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final String url;
    private final Map<Integer, Schema> schemas = new HashMap<>();
    private final Map<String, Boolean> subjects = new HashMap<>();

    Registry(String url) {
      this.url = url;
    }

    Schema schema(int id) throws IOException, InterruptedException {
      Schema known = schemas.get(id);
      if (known == null) {
        String answer = ask("/schemas/ids/" + id);
        if (answer == null) {
          return null;
        }
        known = new Schema.Parser().parse(JSON.readTree(answer).get("schema").asText());
        schemas.put(id, known);
      }
      return known;
    }

    boolean hasSubject(String subject) throws IOException, InterruptedException {
      Boolean known = subjects.get(subject);
      if (known == null) {
        known = ask("/subjects/" + subject + "/versions") != null;
        subjects.put(subject, known);
      }
      return known;
    }

    /** The answer's body; null where there is no such thing. */
    private String ask(String path) throws IOException, InterruptedException {
      HttpRequest request = HttpRequest.newBuilder(URI.create(url + path)).timeout(ANSWER).build();
      HttpResponse<String> answer = http.send(request, HttpResponse.BodyHandlers.ofString());
      return switch (answer.statusCode()) {
        case 200 -> answer.body();
        case 404 -> null;
        default -> throw new IOException(url + path + " answered " + answer.statusCode());
      };
    }
  }
}
