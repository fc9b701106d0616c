package io.dromedary.server;

import io.dromedary.chat.Problem;
import io.dromedary.chat.Upload;
import jakarta.servlet.http.HttpServletRequest;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.apache.tomcat.util.http.fileupload.FileItemIterator;
import org.apache.tomcat.util.http.fileupload.FileItemStream;
import org.apache.tomcat.util.http.fileupload.FileUpload;
import org.apache.tomcat.util.http.fileupload.FileUploadException;
import org.apache.tomcat.util.http.fileupload.impl.SizeException;
import org.apache.tomcat.util.http.fileupload.servlet.ServletRequestContext;

/** Reads forms with files by Tomcat's own parser, part by part as they come in: under a cap on all of it, on the heads and fields of its parts and their number, and under a deadline. Nothing is put on disk. */
public final class UploadReader {
  private static final int MOST_PARTS = 16;
  private static final int LONGEST_FIELD = 4_096;
  private static final int LONGEST_HEAD = 8_192;
  /** What boundaries, heads and fields may add to the file. */
  private static final long FORM_BYTES = 256 << 10;

  private final long maxBytes;
  private final Duration deadline;

  /** @param maxBytes of the file */
  public UploadReader(long maxBytes, Duration deadline) {
    this.maxBytes = maxBytes;
    this.deadline = deadline;
  }

  Upload of(HttpServletRequest request) {
    return taker -> read(request, taker);
  }

  private void read(HttpServletRequest request, Upload.Taker taker) {
    if (request.getContentLengthLong() > maxBytes + FORM_BYTES) {
      throw tooLarge();
    }
    FileUpload forms = new FileUpload();
    forms.setSizeMax(maxBytes + FORM_BYTES);
    forms.setPartHeaderSizeMax(LONGEST_HEAD);
    forms.setHeaderEncoding(StandardCharsets.UTF_8.name());
    long until = System.nanoTime() + deadline.toNanos();
    try {
      FileItemIterator parts = forms.getItemIterator(new Timed(request, until));
      for (int part = 0; parts.hasNext(); part++) {
        if (part >= MOST_PARTS) {
          throw Problem.badRequest("a form may have at most " + MOST_PARTS + " parts").code("invalid_form");
        }
        take(parts.next(), taker);
      }
    } catch (SizeException e) {
      throw tooLarge();
    } catch (FileUploadException e) {
      throw Problem.badRequest("the form cannot be read: it is no multipart/form-data, or breaks off").code("invalid_form");
    } catch (IOException e) {
      for (Throwable cause = e; cause != null; cause = cause.getCause()) {
        if (cause instanceof SizeException) {
          throw tooLarge();
        }
        if (cause instanceof java.net.SocketTimeoutException) {
          throw tooSlow();
        }
      }
      throw Problem.badRequest("the form broke off before its end").code("incomplete_body");
    }
  }

  private static void take(FileItemStream part, Upload.Taker taker) throws IOException {
    String name = part.getFieldName() == null ? "" : part.getFieldName();
    try (InputStream content = part.openStream()) {
      if (!part.isFormField()) {
        taker.file(name, part.getName() == null ? "" : part.getName(), content);
        return;
      }
      byte[] value = content.readNBytes(LONGEST_FIELD + 1);
      if (value.length > LONGEST_FIELD) {
        throw Problem.badField(Problem.clip(name), "a field of the form may have at most " + LONGEST_FIELD + " bytes");
      }
      taker.field(name, new String(value, StandardCharsets.UTF_8));
    }
  }

  private Problem tooLarge() {
    return new Problem(413, "invalid_request_error", "a file may have at most " + maxBytes + " bytes (dromedary.batches.max-file-bytes)").code("file_too_large").param("file").shouldRetry(false).header("Connection", "close");
  }

  private Problem tooSlow() {
    return new Problem(408, "invalid_request_error", "the file did not arrive within " + deadline.toSeconds() + " s (dromedary.batches.upload-deadline)").code("request_timeout").header("Connection", "close");
  }

  /** Tomcat's own time-out is per read; this one is for all of them. */
  private final class Timed extends ServletRequestContext {
    private final HttpServletRequest request;
    private final long until;

    Timed(HttpServletRequest request, long until) {
      super(request);
      this.request = request;
      this.until = until;
    }

    @Override
    public InputStream getInputStream() throws IOException {
      return new FilterInputStream(request.getInputStream()) {
        @Override
        public int read() throws IOException {
          check();
          return super.read();
        }

        @Override
        public int read(byte[] into, int from, int most) throws IOException {
          check();
          return super.read(into, from, most);
        }
      };
    }

    private void check() {
      if (System.nanoTime() - until > 0) {
        throw tooSlow();
      }
    }
  }
}
