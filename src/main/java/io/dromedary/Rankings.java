package io.dromedary;

import io.dromedary.catalog.ModelCatalog;
import io.dromedary.catalog.Reloadable;
import io.dromedary.complexity.ComplexityScorers;
import io.dromedary.complexity.KeywordScorer;
import io.dromedary.complexity.LengthScorer;
import io.dromedary.provider.ProviderAccounts;
import io.dromedary.ranking.CandidateRanking;
import io.dromedary.spend.Accountant;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Sizing requests up and ranking models. */
@Configuration(proxyBeanMethods = false)
class Rankings {
  @Bean CandidateRanking candidateRanking(Reloadable<ModelCatalog> catalog, ProviderAccounts accounts) { return new CandidateRanking(catalog, accounts::active); }
  @Bean Accountant.Baseline baseline(Reloadable<ModelCatalog> catalog) { return r -> catalog.get().find("openai/gpt-4o").orElse(null); }
  @Bean io.dromedary.complexity.ComplexityScorers complexityScorers() { return new ComplexityScorers(java.util.List.of(new KeywordScorer(), new LengthScorer()), () -> "keywords"); }
}
