import { Command, Option } from 'commander';
import {
  EXPORT_FORMATS,
  type ExportFormat,
  exportModel,
  SAVED_MODEL_KEY,
} from '../../inference/model-export.ts';
import { jsonOption, splitLocation } from '../../options/command-options.ts';
import { openStore } from '../../storage/open.ts';
import { printResult } from '../terminal.ts';

interface ExportFlags {
  format: ExportFormat;
  out: string;
  json?: boolean;
}

export function exportCommand(): Command {
  return new Command('export')
    .description('write a trained model as a SavedModel or an ONNX file, for other programs to run')
    .argument('<WEIGHTS>', 'a ..._weights.npz')
    .addOption(
      new Option('--format <format>', 'what to write').choices([...EXPORT_FORMATS]).makeOptionMandatory(),
    )
    .requiredOption('--out <path>', 'savedmodel: a folder of its own; onnx: a file')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nIn: signal [batch, 3, 4096] float32, as records hold it. Out: probability [batch] float32.' +
        '\n\nExample:\n  chirpline export models/g2net/saved/diy_20260102_0304_weights.npz --format onnx --out diy.onnx',
    )
    .action(async (weights: string, { format, out, json }: ExportFlags) => {
      const source = splitLocation(weights);
      const target = format === 'onnx' ? splitLocation(out) : { folder: out, key: SAVED_MODEL_KEY };
      const exported = await exportModel(
        openStore(source.folder),
        source.key,
        format,
        openStore(target.folder),
        target.key,
      );
      const { preset, bytes } = exported;
      const megabytes = (bytes / 1e6).toFixed(1);
      printResult(
        json,
        { out, format, ...exported },
        `the ${preset} model as ${format}, ${megabytes} MB: ${out}`,
      );
    });
}
