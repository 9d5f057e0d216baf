import { Command } from 'commander';
import { formatBytes } from '../../core/format-bytes.ts';
import { choice } from '../../core/setting.ts';
import {
  EXPORT_FORMATS,
  type ExportFormat,
  exportModel,
  SAVED_MODEL_KEY,
} from '../../inference/model-export.ts';
import { jsonOption, settingOption } from '../../options/command-options.ts';
import { splitLocation } from '../../storage/location.ts';
import { openStore } from '../../storage/open.ts';
import { printResult } from '../terminal.ts';

interface ExportFlags {
  format: ExportFormat;
  out: string;
  json?: boolean;
}

export function exportCommand(): Command {
  return new Command('export')
    .argument('<WEIGHTS>', 'weights of a trained model, ..._weights.npz')
    .addOption(settingOption('format', choice('format to write', EXPORT_FORMATS)).makeOptionMandatory())
    .requiredOption('--out <path>', 'output: for savedmodel an empty or new folder, for onnx a file')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nInput of the model:  signal [batch, 3, 4096] float32, as in the records' +
        '\nOutput of the model: probability [batch] float32' +
        '\n\nExample:\n  chirpline export models/g2net/saved/diy_20260102_0304_weights.npz \\' +
        '\n    --format onnx --out diy.onnx',
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
      printResult(
        json,
        { out, format, ...exported },
        `exported the ${preset} model as ${format}, ${formatBytes(bytes)}: ${out}`,
      );
    });
}
