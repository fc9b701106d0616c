package io.dromedary.feedback;

/**
 * What is believed of a model's answers to one kind of request.
 *
 * @param quality expected quality of an answer, 0..1
 * @param deviation how sure that is: one standard deviation
 * @param prior what would be believed if nothing had been seen
 * @param scores how many of callers' scores count towards it, faded ones in part
 * @param signs how many implicit outcomes do
 */
public record Estimate(double quality, double deviation, double prior, double scores, double signs) {}
