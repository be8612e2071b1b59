import { spawn } from 'node:child_process';

/** Runs a program with text on its stdin. Rejects with its stderr when it fails, and with ENOENT when there is no such program. */
export function runCommand(command: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(stdout);
      reject(new Error(`${command} ${args.join(' ')}: ${stderr.trim() || `ended with ${signal ?? code}`}`));
    });
    // A program that ends before it has read everything says why on stderr; the broken pipe itself tells nothing.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}
