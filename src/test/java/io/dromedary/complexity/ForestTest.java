package io.dromedary.complexity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class ForestTest {
  static final float[][] PLACES = new float[400][3];
  static final double[][] TARGETS = new double[400][2];

  static {
    SplittableRandom random = new SplittableRandom(5);
    for (int i = 0; i < PLACES.length; i++) {
      for (int column = 0; column < 3; column++) {
        PLACES[i][column] = (float) random.nextDouble() * 2 - 1;
      }
      // the first output is exclusive or of two traits, which no sum of traits can tell
      TARGETS[i] = new double[] {PLACES[i][0] > 0 != PLACES[i][1] > 0 ? 1 : 0, PLACES[i][2] > 0 ? 0.5 : -0.5};
    }
  }

  static double[] at(Forest forest, float... place) {
    double[] out = new double[2];
    forest.add(place, out);
    return out;
  }

  @Test
  void trees_learn_a_combination_of_traits_for_each_output() {
    Forest forest = Forest.fit(PLACES, TARGETS, 60, 5, 1, 9);
    assertThat(at(forest, 0.5f, -0.5f, 0.5f)[0]).isGreaterThan(0.7);
    assertThat(at(forest, 0.5f, 0.5f, 0.5f)[0]).isLessThan(0.3);
    assertThat(at(forest, 0.5f, 0.5f, 0.5f)[1]).isGreaterThan(0.2);
    assertThat(at(forest, 0.5f, 0.5f, -0.5f)[1]).isLessThan(-0.2);
  }

  @Test
  void a_forest_read_back_says_the_same_and_a_split_that_leads_nowhere_is_refused() throws IOException {
    Forest forest = Forest.fit(PLACES, TARGETS, 5, 20, 1, 9);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    forest.write(new DataOutputStream(out));
    Forest back = Forest.read(new DataInputStream(new ByteArrayInputStream(out.toByteArray())), 3, 2);
    for (float[] place : PLACES) {
      assertThat(at(back, place)).isEqualTo(at(forest, place));
    }
    assertThatThrownBy(() -> Forest.read(new DataInputStream(new ByteArrayInputStream(out.toByteArray())), 1, 2)).hasMessageContaining("leads nowhere");
    assertThatThrownBy(() -> Forest.read(new DataInputStream(new ByteArrayInputStream(out.toByteArray())), 3, 1)).hasMessageContaining("outputs");
  }
}
