package io.dromedary.catalog;

/** What a model can take or do beyond text in and out. */
public enum Capability {
  TOOLS, PARALLEL_TOOLS, TOOL_CHOICE, VISION, PDF, AUDIO, JSON_SCHEMA, PROMPT_CACHING, REASONING, WEB_SEARCH, STREAM_USAGE
}
