/** The charts of report.html, each for light and dark pages, with a caption and an alternative text. */

import { operatingPoints } from '../../training/fit/false-alarms.ts';
import { calibrationChart } from '../charts/calibration-chart.ts';
import { shortNumber } from '../charts/chart.ts';
import { formatScore } from '../charts/dashboard.ts';
import { lossChart, rateChart, scoreChart } from '../charts/learning-curves.ts';
import { logRocChart } from '../charts/log-roc.ts';
import { confusionChart, distributionChart, formatCount } from '../charts/prediction-charts.ts';
import { prChart, rocChart } from '../charts/threshold-curves.ts';
import { bestEpoch, confusionCounts, type History, type Results, THRESHOLD } from '../results.ts';
import { figure } from './chart-image.ts';
import type { Html } from './html.ts';

/** Figures of the fit, epoch by epoch. */
export function trainingFigures(history: History): Html[] {
  const best = bestEpoch(history);
  const last = history.epochs.at(-1) ?? best;
  return [
    figure(
      (theme) => lossChart(theme, history),
      'Validation loss that rises while training loss still falls means overfitting. The weights of the best epoch are kept.',
      `Training and validation loss of ${history.epochs.length} epochs. Best: epoch ${best.epoch}, ` +
        `validation loss ${formatScore(best.val_loss)}; last: ${formatScore(last.val_loss)}.`,
    ),
    figure(
      (theme) => scoreChart(theme, history),
      'Share of validation records classified correctly (accuracy), and how well signals rank above noise (AUC), after each epoch.',
      `Validation accuracy and AUC of each epoch. In the best epoch, ${best.epoch}: accuracy ` +
        `${formatScore(best.val_accuracy)}, AUC ${formatScore(best.val_auc)}.`,
    ),
    figure(
      (theme) => rateChart(theme, history),
      'The learning rate in the middle of each epoch. The schedule (see Settings) halves it when validation loss stops falling, or lets it follow a cosine to 0.',
      `Learning rate of each epoch, from ${shortNumber(history.epochs[0]?.learning_rate ?? 0)} to ${shortNumber(last.learning_rate)}.`,
    ),
  ];
}

/** Figures of the kept weights on the validation records. */
export function validationFigures(results: Results): Html[] {
  const { evaluation } = results;
  const counts = confusionCounts(evaluation);
  const { auc, labels, logits } = evaluation;
  const noise = counts.trueNegative + counts.falsePositive;
  const recall_at_far = operatingPoints(labels, logits);
  return [
    figure(
      (theme) => rocChart(theme, results),
      'Rate of found signals against rate of false alarms, over all thresholds. The area under the curve is the AUC.',
      `ROC curve. AUC ${formatScore(evaluation.auc)}.`,
    ),
    figure(
      (theme) => logRocChart(theme, { auc, noise, recall_at_far }, results.roc),
      'The same at low rates of false alarms, where a search works.',
      'ROC curve with a logarithmic axis of the false-alarm rate. The table below has its figures.',
    ),
    figure(
      (theme) => prChart(theme, results),
      'Share of alarms that are real against share of signals that are found. Guessing gives the dashed line.',
      `Precision-recall curve. At threshold ${THRESHOLD}: precision ${formatScore(evaluation.precision)}, ` +
        `recall ${formatScore(evaluation.recall)}.`,
    ),
    figure(
      (theme) => confusionChart(theme, evaluation),
      `True class of the records against the class that the model predicts at threshold ${THRESHOLD}.`,
      `Confusion matrix. Noise: ${formatCount(counts.trueNegative)} right, ${formatCount(counts.falsePositive)} ` +
        `wrong. Signal: ${formatCount(counts.truePositive)} right, ${formatCount(counts.falseNegative)} wrong.`,
    ),
    figure(
      (theme) => distributionChart(theme, evaluation),
      'The further apart the two classes are, the more certain the model is. Quiet signals look like noise.',
      'Histograms of the predicted probabilities, one for noise and one for signals.',
    ),
    figure(
      (theme) => calibrationChart(theme, evaluation),
      'How far the probabilities can be taken at their word: of records with a probability of 0.3, three of ten should hold a signal.',
      'Share of signals against the mean predicted probability, in ten bins.',
    ),
  ];
}
