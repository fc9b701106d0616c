package io.dromedary.agent;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Bill;
import io.dromedary.catalog.ConfigPart;
import io.dromedary.catalog.Reloadable;
import io.dromedary.chat.AgentCall;
import io.dromedary.chat.Answer;
import io.dromedary.chat.Caller;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.ChatResponse;
import io.dromedary.chat.Json;
import io.dromedary.chat.KeptResponse;
import io.dromedary.chat.Problem;
import java.io.IOException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The agents there are, and what becomes of a request to one: the agent's prompt and what was said before go in front of it, the agent's model takes the place of {@code agent/<name>}. That is done before the cache is asked, so
 * that an answer is recalled only for the same prompt. Agents of other projects and organisations are unknown.
 */
public final class Agents implements ConfigPart {
  private static final Logger LOG = LoggerFactory.getLogger(Agents.class);
  private static final String SESSION = "x-dromedary-session-id";
  private static final String PREFERENCE = "x-dromedary-preference";
  private static final String CACHE = "x-dromedary-cache";
  private static final int LONGEST_CONVERSATION = 200;
  private static final List<String> OURS = List.of("conversation_id", "use_cache");

  private record Stored(long version, List<Agent> agents) {}

  private final String name;
  private final Reloadable.Source source;
  private final DataSource dataSource;
  private final Conversations conversations;
  private Map<String, Agent> file;
  private Stored stored;
  private volatile Map<String, Agent> all;

  /**
   * Reads the file and the database.
   *
   * @throws IllegalArgumentException naming what is wrong in the file
   * @throws IllegalStateException if the database cannot be read
   */
  public Agents(String name, Reloadable.Source source, DataSource dataSource, Conversations conversations) {
    this.name = name;
    this.source = source;
    this.dataSource = dataSource;
    this.conversations = conversations;
    try {
      this.file = AgentReader.file(name, source.read());
      this.stored = load();
    } catch (IOException | SQLException e) {
      throw new IllegalStateException("the agents cannot be read: " + e.getMessage(), e);
    }
    this.all = merged(file, stored);
  }

  private Stored load() throws SQLException {
    try (Connection connection = dataSource.getConnection()) {
      long version = version(connection);
      List<Agent> agents = new ArrayList<>();
      try (PreparedStatement select = connection.prepareStatement("SELECT owner, name, definition FROM dromedary_agents ORDER BY owner, name"); ResultSet row = select.executeQuery()) {
        while (row.next()) {
          AgentReader reader = new AgentReader(false);
          Agent agent = null;
          try {
            agent = reader.agent(Json.read(row.getString(3)), "");
          } catch (IOException notJson) {
            // out of force, told below
          }
          if (agent == null || reader.isFaulty()) {
            LOG.error("agent `{}` of `{}` in the database is out of force: {}", row.getString(2), row.getString(1), reader.told());
          } else {
            agents.add(agent);
          }
        }
      }
      return new Stored(version, agents);
    }
  }

  private static long version(Connection connection) throws SQLException {
    try (PreparedStatement select = connection.prepareStatement("SELECT version FROM dromedary_access WHERE id = 1"); ResultSet row = select.executeQuery()) {
      return row.next() ? row.getLong(1) : 0;
    }
  }

  private Map<String, Agent> merged(Map<String, Agent> file, Stored stored) {
    Map<String, Agent> all = new TreeMap<>(file);
    for (Agent agent : stored.agents()) {
      if (all.putIfAbsent(agent.key(), agent) != null) {
        throw new IllegalArgumentException("agent `" + agent.name() + "` of `" + agent.owner() + "` is in " + name + " and in the database (made by POST /admin/agents): take it out of one of them");
      }
    }
    return all;
  }

  /** Takes in what the admin changed, here or at another node, if anything. */
  public synchronized void refresh() {
    try {
      long now;
      try (Connection connection = dataSource.getConnection()) {
        now = version(connection);
      }
      if (now != stored.version()) {
        Stored fresh = load();
        all = merged(file, fresh);
        stored = fresh;
      }
    } catch (SQLException away) {
      LOG.debug("the agents in the database cannot be read; the known ones stay", away);
    } catch (IllegalArgumentException clash) {
      LOG.error("a change of agents is not taken in: {}", clash.getMessage());
    }
  }

  @Override
  public String file() {
    return name;
  }

  @Override
  public byte[] read() throws IOException {
    return source.read();
  }

  @Override
  public long stamp() {
    return source.stamp();
  }

  @Override
  public Runnable check(byte[] bytes) {
    Map<String, Agent> fresh = AgentReader.file(name, bytes);
    synchronized (this) {
      Map<String, Agent> both = merged(fresh, stored);
      return () -> {
        synchronized (this) {
          file = fresh;
          all = both;
        }
      };
    }
  }

  /** How many agents a file has. @throws IllegalArgumentException naming all that is wrong in it */
  public static int count(String file, byte[] yaml) {
    return AgentReader.file(file, yaml).size();
  }

  Map<String, Agent> all() {
    return all;
  }

  /** Its project's agent of that name, else its organisation's, else everybody's; null if there is none that it may ask. */
  private @Nullable Agent find(String agent, Caller caller) {
    Map<String, Agent> now = all;
    Agent found = now.get(Agent.key("project:" + caller.project(), agent));
    if (found == null && !caller.org().isEmpty()) {
      found = now.get(Agent.key("org:" + caller.org(), agent));
    }
    return found == null ? now.get(Agent.key("*", agent)) : found;
  }

  /** The agents that a caller may ask, as {@code GET /v1/models} lists them: nothing of their prompts. */
  public List<ObjectNode> models(Caller caller) {
    Map<String, ObjectNode> visible = new TreeMap<>();
    for (Agent agent : all.values()) {
      Agent seen = visible.containsKey(agent.name()) ? null : find(agent.name(), caller);
      if (seen != null) {
        visible.put(seen.name(), model(seen));
      }
    }
    return List.copyOf(visible.values());
  }

  /** One of them, null for one that is unknown to this caller. */
  public @Nullable ObjectNode model(String id, Caller caller) {
    Agent agent = id.startsWith(Agent.PREFIX) ? find(id.substring(Agent.PREFIX.length()), caller) : null;
    return agent == null ? null : model(agent);
  }

  private static ObjectNode model(Agent agent) {
    ObjectNode json = Json.object().put("id", Agent.PREFIX + agent.name()).put("object", "model").put("created", 0).put("owned_by", "agent").put("mode", "chat").put("description", agent.description());
    ArrayNode tags = json.putArray("tags");
    agent.tags().forEach(tags::add);
    return json.put("history_turns", agent.historyTurns());
  }

  /** The model that the request names when that is an agent, {@code agent/<name>}; null when it is not. */
  public @Nullable String asked(ChatRequest request) {
    return request.toAgent() ? request.model() : null;
  }

  /**
   * The request that a model is asked in an agent's name. What the client says itself (temperature, preference, cache) goes before what the agent says.
   *
   * @throws Problem 404 for an agent that is none of the caller's, in the words for an unknown model; 400 for an odd {@code conversation_id} or {@code use_cache}; 503 when its conversation cannot be read
   */
  public ChatRequest expand(ChatRequest request, Caller caller) {
    String model = request.model();
    Agent agent = find(model.substring(Agent.PREFIX.length()), caller);
    if (agent == null) {
      throw Problem.modelNotFound(model);
    }
    String conversation = conversation(request);
    ObjectNode json = Json.object();
    json.setAll(request.json());
    json.remove(OURS);
    json.put("model", agent.model());
    ArrayNode messages = Json.array();
    if (!agent.system().isEmpty()) {
      messages.addObject().put("role", "system").put("content", agent.system());
    }
    if (!conversation.isEmpty() && agent.historyTurns() > 0) {
      conversations.last(caller.project(), agent.name(), conversation, agent.historyTurns(), agent.historyChars()).forEach(messages::addAll);
    }
    messages.addAll(request.messages());
    json.set("messages", messages);
    Double temperature = agent.temperature();
    if (temperature != null && !json.hasNonNull("temperature")) {
      json.put("temperature", temperature);
    }
    if (agent.maxTokens() > 0 && !json.hasNonNull("max_tokens") && !json.hasNonNull("max_completion_tokens")) {
      json.put("max_tokens", agent.maxTokens());
    }
    Map<String, String> hints = new LinkedHashMap<>(request.hints());
    if (!agent.profile().isEmpty()) {
      hints.putIfAbsent(PREFERENCE, agent.profile());
    }
    if (!useCache(request, agent)) {
      hints.putIfAbsent(CACHE, "no-store");
    }
    return request.calling(new AgentCall(agent.name(), request.json(), agent.historyTurns() > 0 ? conversation : ""), json, Map.copyOf(hints));
  }

  private static boolean useCache(ChatRequest request, Agent agent) {
    JsonNode asked = request.json().path("use_cache");
    if (!asked.isMissingNode() && !asked.isNull() && !asked.isBoolean()) {
      throw Problem.badField("use_cache", "`use_cache` must be true or false");
    }
    return asked.isBoolean() ? asked.booleanValue() : agent.useCache();
  }

  private static String conversation(ChatRequest request) {
    String said = request.hint(SESSION);
    JsonNode inBody = request.json().path("conversation_id");
    JsonNode inRouting = request.routing().path("session_id");
    String field = !inBody.isMissingNode() ? "conversation_id" : !inRouting.isMissingNode() ? "routing.session_id" : SESSION;
    JsonNode node = !inBody.isMissingNode() ? inBody : inRouting;
    String id = node.isMissingNode() || node.isNull() ? said == null ? "" : said : node.isTextual() ? node.textValue() : null;
    if (id == null || id.length() > LONGEST_CONVERSATION || id.codePoints().anyMatch(c -> Character.isISOControl(c) || Character.getType(c) == Character.SURROGATE)) {
      throw Problem.badField(field, "`" + field + "` must be a text of at most " + LONGEST_CONVERSATION + " characters, none of them a control character");
    }
    return id.strip();
  }

  /** The request is over: a conversation goes on by a turn if it brought an answer. */
  public void over(ChatRequest request, Caller caller, @Nullable Answer answer, @Nullable Bill bill, @Nullable Throwable thrown) {
    AgentCall call = request.call();
    if (call == null || call.conversation().isEmpty() || thrown != null || bill == null || !"ok".equals(bill.status())) {
      return;
    }
    ChatResponse whole = answer instanceof ChatResponse fresh ? fresh : answer instanceof KeptResponse kept ? kept.parsed() : null;
    JsonNode said = whole == null ? null : whole.json().at("/choices/0/message");
    if (said == null || !said.isObject()) {
      return;
    }
    ArrayNode turn = Conversations.kept(call.body().path("messages"));
    ObjectNode reply = turn.addObject().put("role", "assistant");
    reply.set("content", said.path("content").isTextual() ? said.path("content") : reply.nullNode());
    if (!said.path("tool_calls").isEmpty()) {
      reply.set("tool_calls", said.path("tool_calls"));
    } else if (reply.path("content").isNull()) {
      return;
    }
    Agent agent = find(call.agent(), caller);
    try {
      conversations.add(caller.project(), call.agent(), call.conversation(), request.id(), request.user(caller), turn, agent == null ? AgentReader.TURNS : agent.historyTurns());
    } catch (SQLException e) {
      LOG.error("request {} is answered but its conversation did not go on: {}", request.id(), e.getMessage());
    }
  }
}
