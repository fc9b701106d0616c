package io.dromedary.bench.train;

import io.dromedary.complexity.LearnedModel;
import io.dromedary.provider.local.MiniLm;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Sentence vectors of prompts, kept in a file from one training run to the next: per entry 16 bytes of the prompt's SHA-256, then its numbers. New ones are appended as they are made, so a run that was cut short loses nothing. */
final class VectorCache {
  private static final int ENTRY = 16 + 4 * LearnedModel.VECTOR;

  private VectorCache() {}

  /** The vector of each prompt, in order. @param file null to keep none @throws IOException if MiniLM gives none on this machine */
  static List<float[]> of(List<String> prompts, @Nullable Path file) throws IOException {
    long start = System.nanoTime();
    Map<ByteBuffer, float[]> known = file == null ? new HashMap<>() : read(file);
    int before = known.size();
    List<float[]> vectors = new ArrayList<>(prompts.size());
    try (MiniLm miniLm = new MiniLm(1, Files.createDirectories(Path.of("target/bench/native")));
        DataOutputStream out = file == null ? null : new DataOutputStream(new BufferedOutputStream(Files.newOutputStream(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND)))) {
      for (String prompt : prompts) {
        ByteBuffer key = key(prompt);
        float[] vector = known.get(key);
        if (vector == null) {
          vector = miniLm.vector(prompt, Duration.ofMinutes(1));
          if (vector == null) {
            throw new IOException("MiniLM gives no vector on this machine; train with --minilm=false");
          }
          known.put(key, vector);
          if (out != null) {
            out.write(key.array());
            for (float value : vector) {
              out.writeFloat(value);
            }
          }
        }
        vectors.add(vector);
      }
    }
    System.out.printf(Locale.ROOT, "%d sentence vectors, %d of them new, in %d s%n", vectors.size(), known.size() - before, (System.nanoTime() - start) / 1_000_000_000);
    return vectors;
  }

  /** What the file holds; a last entry that was cut off is removed. */
  private static Map<ByteBuffer, float[]> read(Path file) throws IOException {
    Map<ByteBuffer, float[]> known = new HashMap<>();
    if (!Files.exists(file)) {
      return known;
    }
    long entries = Files.size(file) / ENTRY;
    if (entries * ENTRY != Files.size(file)) {
      try (var channel = Files.newByteChannel(file, StandardOpenOption.WRITE)) {
        channel.truncate(entries * ENTRY);
      }
    }
    try (DataInputStream in = new DataInputStream(new BufferedInputStream(Files.newInputStream(file)))) {
      for (long i = 0; i < entries; i++) {
        ByteBuffer key = ByteBuffer.wrap(in.readNBytes(16));
        float[] vector = new float[LearnedModel.VECTOR];
        for (int j = 0; j < vector.length; j++) {
          vector[j] = in.readFloat();
        }
        known.put(key, vector);
      }
    }
    return known;
  }

  private static ByteBuffer key(String prompt) {
    try {
      return ByteBuffer.wrap(Arrays.copyOf(MessageDigest.getInstance("SHA-256").digest(prompt.getBytes(StandardCharsets.UTF_8)), 16));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
