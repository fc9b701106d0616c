package io.dromedary;

import static com.tngtech.archunit.base.DescribedPredicate.alwaysTrue;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The house's rules for Java: rooms, kernel, seam and root, and what none of them may do. */
class HouseRulesTest {
  private static final String ROOT = "io.dromedary";
  private static final String SEAM = "io.dromedary.camel";
  private static final JavaClasses HOUSE = new ClassFileImporter().withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS).withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_JARS)
      .importPackages(ROOT);

  @Test
  void rooms_never_import_each_other() {
    slices().matching("io.dromedary.(*)..").should().notDependOnEachOther()
        .ignoreDependency(alwaysTrue(), resideInAnyPackage("io.dromedary.chat", "io.dromedary.catalog"))
        // The seam is where the routes meet the rooms.
        .ignoreDependency(resideInAPackage(SEAM), alwaysTrue())
        .check(HOUSE);
  }

  @Test
  void no_room_knows_the_root_that_wires_it() {
    noClasses().that().resideOutsideOfPackage(ROOT).should().dependOnClassesThat().resideInAPackage(ROOT).check(HOUSE);
  }

  @Test
  void the_kernel_knows_nothing_of_the_house() {
    classes().that().resideInAPackage("io.dromedary.chat").should().onlyDependOnClassesThat()
        .resideInAnyPackage("java..", "org.jspecify..", "com.fasterxml.jackson..", "com.knuddels..", "io.dromedary.chat").check(HOUSE);
    classes().that().resideInAPackage("io.dromedary.catalog").should().onlyDependOnClassesThat()
        .resideInAnyPackage("java..", "org.jspecify..", "com.fasterxml.jackson..", "io.dromedary.chat", "io.dromedary.catalog").check(HOUSE);
  }

  @Test
  void only_the_seam_and_the_root_know_camel() {
    noClasses().that().resideOutsideOfPackages(ROOT, SEAM).should().dependOnClassesThat().resideInAPackage("org.apache.camel..").check(HOUSE);
  }

  @Test
  void only_the_root_knows_spring() {
    noClasses().that().resideOutsideOfPackage(ROOT).should().dependOnClassesThat().resideInAPackage("org.springframework..").check(HOUSE);
  }

  @Tag("X10")
  @Test
  void nobody_reads_serialised_java_objects() {
    noClasses().should().dependOnClassesThat().haveFullyQualifiedName("java.io.ObjectInputStream").orShould().dependOnClassesThat().haveFullyQualifiedName("java.beans.XMLDecoder").check(HOUSE);
  }

  @Test
  void nobody_logs_but_by_slf4j() {
    noClasses().should().dependOnClassesThat().resideInAnyPackage("java.util.logging..", "org.apache.log4j..", "org.apache.commons.logging..").check(HOUSE);
    List<String> printed = HOUSE.stream().flatMap(type -> type.getFieldAccessesFromSelf().stream())
        .filter(access -> access.getTargetOwner().isEquivalentTo(System.class) && !access.getOrigin().getName().equals("main"))
        .map(Object::toString).toList();
    assertThat(printed).as("System.out and System.err are for mains").isEmpty();
  }

  @Test
  void every_package_says_what_it_is_and_is_null_marked() throws IOException {
    Set<Path> packages = new TreeSet<>();
    try (Stream<Path> files = Files.walk(Path.of("src/main/java"))) {
      files.filter(file -> file.toString().endsWith(".java")).forEach(file -> packages.add(file.getParent()));
    }
    assertThat(packages).hasSizeGreaterThan(15).allSatisfy(folder -> {
      Path info = folder.resolve("package-info.java");
      assertThat(info).exists();
      assertThat(Files.readString(info)).startsWith("/**").contains("@NullMarked");
    });
  }
}
