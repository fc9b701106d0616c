package io.dromedary.ranking;
import io.dromedary.catalog.*;
import io.dromedary.chat.*;
import java.time.Duration;
import java.util.*;
public final class CandidateRanking {
  private final java.util.function.Supplier<ModelCatalog> c; private final java.util.function.Predicate<String> a;
  public CandidateRanking(java.util.function.Supplier<ModelCatalog> c, java.util.function.Predicate<String> a){this.c=c;this.a=a;}
  public String strategy(ChatRequest r){ return r.model().equals("auto")?"tier":"model"; }
  Candidate cand(Model m){ return new Candidate(m, null, m.quality(), Duration.ofMillis(m.latencyMs()), "temp"); }
  public Candidates namedModel(ChatRequest r){ Model m=c.get().find(r.model()).orElseThrow(()->Problem.modelNotFound(r.model())); return new Candidates(List.of(cand(m)), new Decision(r.model(),"model",null,"named",List.of())); }
  public Candidates byTier(ChatRequest r, Complexity x, String tier){ Model m = a.test("openai")? c.get().find("openai/gpt-4o-mini").get() : c.get().find("sandbox/echo").get(); return new Candidates(List.of(cand(m)), new Decision(r.model(),"tier",x,"tier "+tier,List.of())); }
  public Candidates byThreshold(ChatRequest r, Complexity x){ return byTier(r,x,""); }
  public com.fasterxml.jackson.databind.node.ObjectNode explain(ChatRequest r, Candidates x){ return Json.object(); }
}
