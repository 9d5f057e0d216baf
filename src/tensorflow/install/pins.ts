import { MachineError } from '../../core/errors.ts';

/** A TensorFlow wheel that chirpline downloads when there is no other TensorFlow. */
export interface Pin {
  /** Requirement in pip's syntax: 'tensorflow-cpu==2.21.0'. */
  requirement: string;
  /** SHA-256 of the wheel, hexadecimal. */
  sha256: string;
  /** pip's names of the platforms whose wheels run on this machine. */
  platforms: string[];
  /** Size of the download [bytes]. */
  download: number;
  /** Size when unpacked [bytes]. */
  unpacked: number;
  cuda: boolean;
}

/** Version of all pins. */
export const PINNED_VERSION = '2.21.0';

const CPU: Record<string, Pin> = {
  x64: {
    requirement: `tensorflow-cpu==${PINNED_VERSION}`,
    sha256: 'dcc8afd32930e42d5296b6ee19078b773706830af4ea97fbe503b9f5e0f820cb',
    platforms: ['manylinux_2_17_x86_64', 'manylinux_2_27_x86_64'],
    download: 274_000_871,
    unpacked: 853_500_000,
    cuda: false,
  },
  // For ARM the wheel without CUDA has the plain name.
  arm64: {
    requirement: `tensorflow==${PINNED_VERSION}`,
    sha256: 'b07d15737406533898e36c7ef7944b1be18e9028dc521b9229952c537bbc5552',
    platforms: ['manylinux_2_17_aarch64', 'manylinux_2_27_aarch64'],
    download: 281_946_471,
    unpacked: 883_300_000,
    cuda: false,
  },
};

/** The sizes include the twelve CUDA wheels that it needs, as of November 2026. */
const CUDA: Pin = {
  requirement: `tensorflow==${PINNED_VERSION}`,
  sha256: 'b3b95643c4e70eb925839938fb35cbe142f317ec84af6844ee61513713bb13c0',
  platforms: ['manylinux2014_x86_64', 'manylinux_2_17_x86_64', 'manylinux_2_27_x86_64'],
  download: 3_400_000_000,
  unpacked: 5_700_000_000,
  cuda: true,
};

/** The wheel for this machine. Throws MachineError when TensorFlow has none. */
export function pinFor(platform: string, arch: string, cuda: boolean): Pin {
  const cpu = platform === 'linux' ? CPU[arch] : undefined;
  if (cpu === undefined) {
    throw new MachineError(
      `training needs Linux on an x86-64 or ARM CPU, but this is ${platform} ${arch}. Use a Linux container; simulate, preprocess and inspect work here too.`,
    );
  }
  if (!cuda) return cpu;
  if (arch !== 'x64') {
    throw new MachineError(
      `TensorFlow has no wheel with CUDA for ${arch}. Set CHIRPLINE_TENSORFLOW to a TensorFlow with CUDA, or use device cpu.`,
    );
  }
  return CUDA;
}
