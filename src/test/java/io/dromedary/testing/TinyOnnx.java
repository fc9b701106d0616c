package io.dromedary.testing;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * The smallest sequence classifier: {@code logits = mean(input_ids) * weights + bias}, as the bytes of an ONNX file (opset 13), written by hand as protobuf. With {@link #TOKENIZER}, whose words have the ids 0 (any other), 1 (easy) and 100
 * (hard), a text of hard words has the second label.
 */
public final class TinyOnnx {
  public static final String TOKENIZER = "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[],\"normalizer\":{\"type\":\"Lowercase\"},\"pre_tokenizer\":{\"type\":\"Whitespace\"},\"post_processor\":null,"
      + "\"decoder\":null,\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"[UNK]\":0,\"easy\":1,\"hard\":100},\"unk_token\":\"[UNK]\"}}";
  private static final int FLOAT = 1;
  private static final int INT64 = 7;

  private TinyOnnx() {}

  public static byte[] model() {
    Message graph = new Message()
        .message(1, node("Cast", "input_ids", "floats").message(5, new Message().text(1, "to").varint(3, FLOAT).varint(20, 2)))
        .message(1, node("ReduceMean", "floats", "mean").message(5, new Message().text(1, "axes").varint(8, 1).varint(20, 7)).message(5, new Message().text(1, "keepdims").varint(3, 1).varint(20, 2)))
        .message(1, new Message().text(1, "mean").text(1, "weights").text(2, "product").text(4, "Mul"))
        .message(1, new Message().text(1, "product").text(1, "bias").text(2, "logits").text(4, "Add"))
        .text(2, "tiny")
        .message(5, floats("weights", -0.1f, 0.1f))
        .message(5, floats("bias", 2f, -2f))
        .message(11, value("input_ids", INT64, 0))
        .message(12, value("logits", FLOAT, 2));
    return new Message().varint(1, 8).message(7, graph).message(8, new Message().text(1, "").varint(2, 13)).bytes();
  }

  private static Message node(String type, String in, String out) {
    return new Message().text(1, in).text(2, out).text(4, type);
  }

  private static Message floats(String name, float... values) {
    ByteBuffer raw = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    for (float value : values) {
      raw.putFloat(value);
    }
    return new Message().varint(1, 1).varint(1, values.length).varint(2, FLOAT).text(8, name).bytes(9, raw.array());
  }

  /** Of the shape [1, {@code columns}]; 0 for as many as there are tokens. */
  private static Message value(String name, int type, int columns) {
    Message second = columns == 0 ? new Message().text(2, "tokens") : new Message().varint(1, columns);
    Message shape = new Message().message(1, new Message().varint(1, 1)).message(1, second);
    return new Message().text(1, name).message(2, new Message().message(1, new Message().varint(1, type).message(2, shape)));
  }

  /** A protobuf message as it grows. */
  private static final class Message {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    private Message number(long value) {
      long rest = value;
      while ((rest & ~0x7fL) != 0) {
        out.write((int) (rest & 0x7f | 0x80));
        rest >>>= 7;
      }
      out.write((int) rest);
      return this;
    }

    Message varint(int field, long value) {
      return number((long) field << 3).number(value);
    }

    Message bytes(int field, byte[] value) {
      number((long) field << 3 | 2).number(value.length);
      out.writeBytes(value);
      return this;
    }

    Message text(int field, String value) {
      return bytes(field, value.getBytes(StandardCharsets.UTF_8));
    }

    Message message(int field, Message value) {
      return bytes(field, value.bytes());
    }

    byte[] bytes() {
      return out.toByteArray();
    }
  }
}
