import { invalid } from './errors.js';

/** What a binary runs on. Fields that do not matter are ''. */
export interface PlatformSpec {
  os: string;
  architecture: string;
  variant: string;
}

const OS_NAMES = new Set(
  'aix android darwin dragonfly freebsd illumos ios js linux netbsd openbsd plan9 solaris windows'.split(' '),
);
const ARCHITECTURES = new Set(
  '386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x wasm'.split(' '),
);
const NODE_ARCHITECTURES: Record<string, string> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' };
const ARCHITECTURE_ALIASES: Record<string, [architecture: string, variant: string]> = {
  x86_64: ['amd64', ''],
  'x86-64': ['amd64', ''],
  i386: ['386', ''],
  aarch64: ['arm64', ''],
  armhf: ['arm', 'v7'],
  armel: ['arm', 'v6'],
};

/** The platform of this machine. */
export function hostPlatform(): PlatformSpec {
  const architecture = NODE_ARCHITECTURES[process.arch] ?? process.arch;
  return { os: 'linux', architecture, variant: architecture === 'arm' ? 'v7' : '' };
}

/** Parses `os[/arch[/variant]]` or an architecture alone. Throws invalid in dockerd's words. */
export function parsePlatform(text: string): PlatformSpec {
  const parts = text.split('/');
  const bad = (what: string): Error => invalid(`${JSON.stringify(text)}: ${what}: invalid argument`);
  if (parts.length > 3) throw bad('cannot parse platform specifier');
  for (const part of parts) {
    if (!/^[A-Za-z0-9_.-]+$/.test(part)) {
      throw invalid(
        `${JSON.stringify(part)} is an invalid component of ${JSON.stringify(text)}: ` +
          'platform specifier component must match "^[A-Za-z0-9_.-]+(?:\\\\(([A-Za-z0-9_.-]*)\\\\))?$": invalid argument',
      );
    }
  }
  const [first = '', second, third] = parts.map((part) => part.toLowerCase());
  const host = hostPlatform();
  if (second === undefined) {
    const os = first === 'macos' ? 'darwin' : first;
    if (OS_NAMES.has(os)) return { os, architecture: host.architecture, variant: host.variant };
    const normal = normalArchitecture(first, '');
    if (ARCHITECTURES.has(normal.architecture)) return { os: host.os, ...normal };
    throw bad('unknown operating system or architecture');
  }
  return { os: first === 'macos' ? 'darwin' : first, ...normalArchitecture(second, third ?? '') };
}

function normalArchitecture(architecture: string, variant: string): { architecture: string; variant: string } {
  const [name, impliedVariant] = ARCHITECTURE_ALIASES[architecture] ?? [architecture, ''];
  const given = variant === '' ? impliedVariant : /^\d+$/.test(variant) ? `v${variant}` : variant;
  if (name === 'arm64' && given === 'v8') return { architecture: name, variant: '' };
  if (name === 'arm' && given === '') return { architecture: name, variant: 'v7' };
  return { architecture: name, variant: given };
}

/** How well an image for `candidate` serves `wanted`: 0 not at all, higher is better. */
export function platformScore(wanted: PlatformSpec, candidate: PlatformSpec): number {
  if (candidate.os !== wanted.os || candidate.architecture === '') return 0;
  const have = normalArchitecture(candidate.architecture, candidate.variant);
  const want = normalArchitecture(wanted.architecture, wanted.variant);
  if (have.architecture !== want.architecture) return 0;
  if (have.variant === want.variant) return 100;
  if (want.architecture === 'arm') {
    const level = Number(have.variant.slice(1));
    return level < Number(want.variant.slice(1)) ? level : 0;
  }
  return want.variant === '' || have.variant === '' ? 1 : 0;
}

/** `linux/arm64/v8`. */
export function formatPlatform(platform: PlatformSpec): string {
  const base = `${platform.os}/${platform.architecture}`;
  return platform.variant === '' ? base : `${base}/${platform.variant}`;
}
