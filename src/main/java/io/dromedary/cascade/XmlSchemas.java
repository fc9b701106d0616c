package io.dromedary.cascade;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.StringReader;
import javax.xml.XMLConstants;
import javax.xml.transform.stream.StreamSource;
import javax.xml.validation.Schema;
import javax.xml.validation.SchemaFactory;
import javax.xml.validation.Validator;
import org.jspecify.annotations.Nullable;
import org.xml.sax.ErrorHandler;
import org.xml.sax.SAXException;
import org.xml.sax.SAXParseException;

/** XML schemas, without any access to other files or the network: neither a schema nor an answer can name something to be fetched. */
final class XmlSchemas {
  private XmlSchemas() {}

  static Schema compile(byte[] xsd) throws SAXException {
    SchemaFactory factory = SchemaFactory.newInstance(XMLConstants.W3C_XML_SCHEMA_NS_URI);
    factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, true);
    factory.setProperty(XMLConstants.ACCESS_EXTERNAL_DTD, "");
    factory.setProperty(XMLConstants.ACCESS_EXTERNAL_SCHEMA, "");
    return factory.newSchema(new StreamSource(new ByteArrayInputStream(xsd)));
  }

  /** Why a text does not meet the schema, null if it does. */
  static @Nullable String broken(Schema schema, String text) {
    try {
      Validator validator = schema.newValidator();
      validator.setProperty(XMLConstants.ACCESS_EXTERNAL_DTD, "");
      validator.setProperty(XMLConstants.ACCESS_EXTERNAL_SCHEMA, "");
      validator.setErrorHandler(new Strict());
      validator.validate(new StreamSource(new StringReader(text.strip())));
      return null;
    } catch (SAXParseException e) {
      return "line " + e.getLineNumber() + ": " + e.getMessage();
    } catch (SAXException | IOException e) {
      return String.valueOf(e.getMessage());
    }
  }

  /** The default one prints to the console. */
  private static final class Strict implements ErrorHandler {
    @Override
    public void warning(SAXParseException e) {
      // a warning is no error
    }

    @Override
    public void error(SAXParseException e) throws SAXException {
      throw e;
    }

    @Override
    public void fatalError(SAXParseException e) throws SAXException {
      throw e;
    }
  }
}
