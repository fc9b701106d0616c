package io.dromedary.experiment;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.dromedary.catalog.ConfigError;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Who falls into which arm, what a file may say, and how sure a comparison is. */
class ExperimentTest {
  private static final Set<String> SCORERS = Set.of("keywords", "learned", "length", "random");
  private static final String RIGHT = """
      experiments:
      - id: scorers
        running: true
        unit: project
        traffic: 50
        models: [auto]
        arms:
        - {id: control, share: 60}
        - {id: learned, share: 40, scorer: learned}
      """;

  private static Experiment read(String yaml) {
    return Experiment.read(yaml.getBytes(UTF_8), "config/experiments.yaml", SCORERS).values().iterator().next();
  }

  @Test
  void units_fall_into_the_arms_by_their_shares_and_stay_there() {
    Experiment experiment = read(RIGHT);
    Map<String, Integer> found = new HashMap<>();
    for (int i = 0; i < 20_000; i++) {
      Experiment.Arm arm = experiment.arm("project-" + i);
      assertThat(experiment.arm("project-" + i)).isSameAs(arm);
      found.merge(arm == null ? "out" : arm.id(), 1, Integer::sum);
    }
    assertThat(found.get("out") / 20_000.0).isCloseTo(0.5, within(0.015));
    assertThat(found.get("control") / 20_000.0).isCloseTo(0.3, within(0.015));
    assertThat(found.get("learned") / 20_000.0).isCloseTo(0.2, within(0.015));
  }

  @Test
  void more_traffic_moves_nobody_to_another_arm() {
    Experiment half = read(RIGHT);
    Experiment all = read(RIGHT.replace("traffic: 50", "traffic: 100"));
    for (int i = 0; i < 2_000; i++) {
      Experiment.Arm arm = half.arm("project-" + i);
      if (arm != null) {
        assertThat(all.arm("project-" + i).id()).isEqualTo(arm.id());
      }
    }
  }

  @Test
  void two_experiments_draw_apart() {
    Experiment one = read(RIGHT.replace("traffic: 50", "traffic: 100"));
    Experiment other = read(RIGHT.replace("traffic: 50", "traffic: 100").replace("id: scorers", "id: others"));
    int same = 0;
    for (int i = 0; i < 10_000; i++) {
      same += one.arm("p" + i).id().equals(other.arm("p" + i).id()) ? 1 : 0;
    }
    assertThat(same / 10_000.0).as("0.6 * 0.6 + 0.4 * 0.4").isCloseTo(0.52, within(0.02));
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', textBlock = """
      share: 40 | share: 30 | experiments[scorers].arms | the shares must sum to 100, not 90.0
      unit: project | unit: planet | experiments[scorers].unit = planet | allowed are project, session, request
      scorer: learned | scorer: astrology | experiments[scorers].arms[learned].scorer = astrology | allowed are keywords, learned, length, random
      scorer: learned | colour: blue | experiments[scorers].arms[learned].colour | allowed are id, share, model, scorer, strategy, weights
      scorer: learned | model: openai/gpt-4o | experiments[scorers].arms[learned].model = openai/gpt-4o | and a threshold from 0 to 1
      scorer: learned | model: router-learned-1.5 | model = router-learned-1.5 | and a threshold from 0 to 1
      scorer: learned | strategy: guess | strategy = guess | allowed are direct, cascade
      scorer: learned | 'weights: {cost: 0}' | weights | one of the weights must be more than 0
      scorer: learned | 'weights: {cost: -1}' | weights.cost = -1 | must be a number from 0 to 1000
      traffic: 50 | traffic: 150 | traffic = 150 | must be a number from 0 to 100
      id: learned | id: control | id = control | is there twice
      running: true | running: maybe | running = maybe | must be true or false
      """)
  void a_mistake_is_told_with_file_key_value_and_what_is_allowed(String right, String wrong, String where, String allowed) {
    assertThat(RIGHT).contains(right);
    assertThatThrownBy(() -> read(RIGHT.replace(right, wrong))).isInstanceOf(ConfigError.class).hasMessageStartingWith("config/experiments.yaml: ").hasMessageContaining(where).hasMessageContaining(allowed);
  }

  @Test
  void intervals_are_as_the_textbooks_have_them() {
    Interval share = Interval.share(8, 10);
    assertThat(share.value()).isEqualTo(0.8);
    assertThat(share.low()).isCloseTo(0.4902, within(0.0005));
    assertThat(share.high()).isCloseTo(0.9433, within(0.0005));
    assertThat(Interval.share(0, 10).high()).isCloseTo(0.2775, within(0.0005));
    Interval mean = Interval.mean(10, 2, 100);
    assertThat(mean.low()).isCloseTo(10 - 1.9842 * 0.2, within(0.001));
    assertThat(mean.minus(Interval.mean(9, 2, 100)).low()).as("of a difference").isCloseTo(1 - 1.9842 * 2 * Math.sqrt(2) / 10, within(0.001));
    assertThat(Interval.mean(10, 2, 4).high()).as("Student's, of three degrees of freedom").isCloseTo(10 + 3.1824, within(0.004));
    assertThat(Interval.mean(10, 2, 2).high()).isCloseTo(10 + 12.706 * 2 / Math.sqrt(2), within(0.001));
    assertThat(Interval.mean(0.9, 0.4, 5).within(0, 1).high()).as("no score is more than 1").isEqualTo(1);
    assertThat(Interval.mean(10, 0, 1).high()).isEqualTo(Double.POSITIVE_INFINITY);
  }
}
