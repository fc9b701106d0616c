package io.dromedary.shadow;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.dromedary.catalog.ModelCatalog;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class ShadowPolicyTest {
  private static final ModelCatalog MODELS = ModelCatalog.read("models: [{id: a/one}, {id: a/two}, {id: a/three}]".getBytes(UTF_8), "models.yaml");

  private static ShadowPolicy policy(String shadows) {
    return ShadowPolicy.read(("shadows: " + shadows).getBytes(UTF_8), "routing.yaml", MODELS, List.of("legal", "medical"));
  }

  @Test
  void a_domain_goes_before_its_project_and_that_before_the_usual() {
    ShadowPolicy policy = policy("{share: 1, model: a/one, projects: {p: {share: 20}, q: {model: a/two}}, domains: {legal: {share: 0}, medical: {model: a/three}}}");

    assertThat(policy.of("other", "")).isEqualTo(new ShadowPolicy.Mirror("a/one", 1.0));
    assertThat(policy.of("p", "")).isEqualTo(new ShadowPolicy.Mirror("a/one", 20.0));
    assertThat(policy.of("q", "medical")).isEqualTo(new ShadowPolicy.Mirror("a/three", 1.0));
    assertThat(policy.of("p", "legal").on()).isFalse();
  }

  @Test
  void nothing_is_shadowed_unless_it_is_said() {
    assertThat(ShadowPolicy.read("scorer: learned".getBytes(UTF_8), "routing.yaml", MODELS, List.of()).on()).isFalse();
    assertThat(policy("{}").on()).isFalse();
    assertThat(policy("{model: a/one}").of("p", "").on()).isFalse();
  }

  @Test
  void agreement_is_the_share_of_words_in_common() {
    assertThat(Agreement.lexical("The capital is Paris.", "the CAPITAL is paris")).isEqualTo(1);
    assertThat(Agreement.lexical("yes", "no")).isZero();
    assertThat(Agreement.lexical("a a b", "a b b")).isCloseTo(2.0 * 2 / 6, within(1e-9));
    assertThat(Agreement.lexical("", "")).isEqualTo(1);
    assertThat(Agreement.lexical("", "word")).isZero();
    assertThat(Agreement.cosine(new float[] {1, 0}, new float[] {1, 0})).isEqualTo(1);
    assertThat(Agreement.cosine(new float[] {1, 0}, new float[] {-1, 0})).isZero();
    assertThat(Agreement.cosine(null, new float[] {1})).isNull();
  }

  @Property(tries = 100)
  void agreement_is_from_0_to_1_and_the_same_both_ways(@ForAll String one, @ForAll String other) {
    double agreement = Agreement.lexical(one, other);
    assertThat(agreement).isBetween(0.0, 1.0).isEqualTo(Agreement.lexical(other, one));
    assertThat(Agreement.lexical(one, one)).isEqualTo(1);
  }
}
