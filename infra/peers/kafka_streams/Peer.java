import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.util.Utf8;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * The peer: what one writes with Kafka Streams for the same result, exactly once.
 *
 * <p>Per pane and arm: requests, errors, a log histogram of latency, class counts, each a counter in
 * an in-memory store with a changelog; its cache lets a counter be logged once a commit. A sketch
 * as one value would be written and read whole for every event. Closed panes of all partitions come
 * together in one, where a verdict on errors is given each second.
 */
public final class Peer {
  static final double LOG_GAMMA = Math.log(1.01 / 0.99);
  static final long PANE_MS = 1000;
  static final long LATENESS_MS = 2000;
  static final Map<Utf8, Byte> ARMS =
      Map.of(new Utf8("v1"), (byte) 0, new Utf8("v2"), (byte) 1);
  static final byte REQUESTS = 0;
  static final byte ERRORS = 1;
  static final byte LATENCY = 2;
  static final byte CLASSES = 3;
  static final byte[] NOTHING = {};

  private Peer() {}

  public static void main(String[] args) throws IOException {
    Schema schema = new Schema.Parser().parse(Files.readString(Path.of("schemas/prediction.avsc")));
    KafkaStreams streams = new KafkaStreams(topology(schema), settings());
    Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
    streams.start();
  }

  static Properties settings() {
    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, System.getenv("PEER_GROUP"));
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, System.getenv("PEER_BOOTSTRAP"));
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 500);
    settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 256L << 20);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, System.getenv("PEER_FOLDER"));
    settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    settings.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 10_000);
    return settings;
  }

  static Topology topology(Schema schema) {
    String closed = System.getenv("PEER_CLOSED");
    Topology topology = new Topology();
    topology
        .addSource(
            "predictions",
            new ByteArrayDeserializer(),
            new ByteArrayDeserializer(),
            System.getenv("PEER_TOPIC"))
        .addProcessor("fold", () -> new Fold(schema), "predictions")
        .addStateStore(
            Stores.keyValueStoreBuilder(
                    Stores.inMemoryKeyValueStore("counters"), Serdes.Bytes(), Serdes.Long())
                .withCachingEnabled(),
            "fold")
        .addSink("closed", closed, Serdes.Bytes().serializer(), Serdes.Long().serializer(), "fold")
        .addSource(
            "panes", Serdes.Bytes().deserializer(), Serdes.Long().deserializer(), closed)
        .addProcessor("judge", Judge::new, "panes")
        .addStateStore(
            Stores.keyValueStoreBuilder(
                    Stores.inMemoryKeyValueStore("judged"), Serdes.Bytes(), Serdes.Long())
                .withCachingEnabled(),
            "judge")
        .addSink(
            "verdicts",
            System.getenv("PEER_VERDICTS"),
            Serdes.Long().serializer(),
            Serdes.String().serializer(),
            "judge");
    return topology;
  }

  static Bytes key(long pane, byte arm, byte what, byte[] which) {
    ByteBuffer buffer = ByteBuffer.allocate(10 + which.length);
    return Bytes.wrap(buffer.putLong(pane).put(arm).put(what).put(which).array());
  }

  /** Counts each event; passes on the counters of panes that are closed. */
  static final class Fold implements Processor<byte[], byte[], Bytes, Long> {
    private final GenericDatumReader<GenericRecord> reader;
    private ProcessorContext<Bytes, Long> context;
    private KeyValueStore<Bytes, Long> counters;
    private BinaryDecoder decoder;
    private final int version;
    private final int time;
    private final int latency;
    private final int status;
    private final int label;
    private GenericRecord event;
    private long latestMs = Long.MIN_VALUE;

    Fold(Schema schema) {
      reader = new GenericDatumReader<>(schema);
      version = schema.getField("model_version").pos();
      time = schema.getField("completed_at").pos();
      latency = schema.getField("latency_ms").pos();
      status = schema.getField("status").pos();
      label = schema.getField("predicted_class").pos();
    }

    @Override
    public void init(ProcessorContext<Bytes, Long> context) {
      this.context = context;
      counters = context.getStateStore("counters");
      context.schedule(
          Duration.ofMillis(PANE_MS), PunctuationType.WALL_CLOCK_TIME, now -> passOn());
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
      byte[] value = record.value();
      decoder = DecoderFactory.get().binaryDecoder(value, 5, value.length - 5, decoder);
      try {
        event = reader.read(event, decoder);
      } catch (IOException unreadable) {
        throw new IllegalStateException(unreadable);
      }
      Byte arm = ARMS.get((Utf8) event.get(version));
      if (arm != null) {
        count(arm);
      }
    }

    private void count(byte arm) {
      long eventMs = (Long) event.get(time);
      latestMs = Math.max(latestMs, eventMs);
      long pane = eventMs / PANE_MS;
      add(key(pane, arm, REQUESTS, NOTHING));
      if (!"OK".equals(event.get(status).toString())) {
        add(key(pane, arm, ERRORS, NOTHING));
      }
      double took = Math.max((Double) event.get(latency), 1e-3);
      int bin = (int) Math.ceil(Math.log(took) / LOG_GAMMA);
      add(key(pane, arm, LATENCY, ByteBuffer.allocate(4).putInt(bin).array()));
      Utf8 named = (Utf8) event.get(label);
      if (named != null) {
        add(key(pane, arm, CLASSES, Arrays.copyOf(named.getBytes(), named.getByteLength())));
      }
    }

    private void add(Bytes key) {
      Long before = counters.get(key);
      counters.put(key, before == null ? 1L : before + 1L);
    }

    private void passOn() {
      if (latestMs == Long.MIN_VALUE) {
        return;
      }
      long through = (latestMs - LATENESS_MS) / PANE_MS;
      Bytes end = key(through, (byte) 0, REQUESTS, NOTHING);
      long now = context.currentSystemTimeMs();
      try (KeyValueIterator<Bytes, Long> done =
          counters.range(key(0, (byte) 0, REQUESTS, NOTHING), end)) {
        while (done.hasNext()) {
          KeyValue<Bytes, Long> counter = done.next();
          if (counter.key.compareTo(end) < 0) {
            context.forward(new Record<>(counter.key, counter.value, now));
            counters.delete(counter.key);
          }
        }
      }
    }
  }

  /** Adds up what the partitions counted; each second it says whether errors differ. */
  static final class Judge implements Processor<Bytes, Long, Long, String> {
    private ProcessorContext<Long, String> context;
    private KeyValueStore<Bytes, Long> judged;

    @Override
    public void init(ProcessorContext<Long, String> context) {
      this.context = context;
      judged = context.getStateStore("judged");
      context.schedule(
          Duration.ofMillis(PANE_MS), PunctuationType.WALL_CLOCK_TIME, this::judge);
    }

    @Override
    public void process(Record<Bytes, Long> record) {
      byte[] key = record.key().get();
      byte[] which = Arrays.copyOfRange(key, 10, key.length);
      Bytes total = key(0, key[8], key[9], which);
      Long before = judged.get(total);
      judged.put(total, (before == null ? 0L : before) + record.value());
    }

    private long total(byte arm, byte what) {
      Long found = judged.get(key(0, arm, what, NOTHING));
      return found == null ? 0L : found;
    }

    private void judge(long now) {
      long[] n = {total((byte) 0, REQUESTS), total((byte) 1, REQUESTS)};
      long[] failed = {total((byte) 0, ERRORS), total((byte) 1, ERRORS)};
      if (n[0] == 0 || n[1] == 0) {
        return;
      }
      double pooled = (failed[0] + failed[1]) / (double) (n[0] + n[1]);
      double spread = Math.sqrt(pooled * (1 - pooled) * (1.0 / n[0] + 1.0 / n[1]));
      double apart = failed[1] / (double) n[1] - failed[0] / (double) n[0];
      double z = spread > 0 ? apart / spread : 0.0;
      String told =
          String.format(
              Locale.ROOT,
              "{\"requests\":[%d,%d],\"errors\":[%d,%d],\"z\":%.4f,\"p99_ms\":[%.3f,%.3f]}",
              n[0], n[1], failed[0], failed[1], z, p99(0, n[0]), p99(1, n[1]));
      context.forward(new Record<>(0L, told, now));
    }

    private double p99(int arm, long count) {
      long seen = 0;
      double value = 0.0;
      Bytes from = key(0, (byte) arm, LATENCY, NOTHING);
      Bytes to = key(0, (byte) arm, CLASSES, NOTHING);
      try (KeyValueIterator<Bytes, Long> bins = judged.range(from, to)) {
        while (bins.hasNext() && seen < 0.99 * count) {
          KeyValue<Bytes, Long> bin = bins.next();
          if (bin.key.get().length == 14 && bin.key.get()[9] == LATENCY) {
            seen += bin.value;
            value = Math.exp(ByteBuffer.wrap(bin.key.get()).getInt(10) * LOG_GAMMA);
          }
        }
      }
      return value;
    }
  }
}
