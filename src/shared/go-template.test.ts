import { describe, expect, it } from 'vitest';
import { renderTemplate } from './go-template.js';

const data = {
  Name: 'det',
  ID: '10b53121a5c0',
  Labels: { foo: 'bar', 'b.x': 'y z' },
  Env: ['FOO=1', 'BAR=2'],
};
const render = (template: string): string => renderTemplate('log-tag', template, '*logger.Info', data);

describe('what templates show, as dockerd 28.5 does', () => {
  const cases: [string, string][] = [
    ['{{.Name}}/{{ .ID }}', 'det/10b53121a5c0'],
    ['{{upper "x"}}{{.Name | upper}}', 'XDET'],
    ['{{json .Labels}}', '{"foo":"bar","b.x":"y z"}'],
    ['{{index .Labels "foo"}}{{.Labels.foo}}', 'barbar'],
    ['{{ .Labels.foo | upper | printf "%s-%s" "a"}}', 'a-BAR'],
    ['{{if .Labels.nope}}Y{{else}}N{{end}}', 'N'],
    ['{{with .Name}}{{.}}{{end}}', 'det'],
    ['{{.Env}} {{.Labels}}', '[FOO=1 BAR=2] map[b.x:y z foo:bar]'],
    ['{{truncate .Name 2}}{{pad "x" 1 2}}{{title "abc"}}', 'de x  Abc'],
    ['{{join (split "a,b" ",") "+"}}{{len "abc"}}', 'a+b3'],
    ['plain', 'plain'],
  ];
  for (const [template, expected] of cases) it(template, () => expect(render(template)).toBe(expected));
});

describe('what templates are refused, in the words of dockerd 28.5', () => {
  const cases: [string, string][] = [
    [
      '{{.Foo}}',
      'template: log-tag:1:2: executing "log-tag" at <.Foo>: can\'t evaluate field Foo in type *logger.Info',
    ],
    ['{{.ID', 'template: log-tag:1: unclosed action'],
    ['{{foo}}', 'template: log-tag:1: function "foo" not defined'],
    ['{{.Name | nofn}}', 'template: log-tag:1: function "nofn" not defined'],
    ['{{end}}', 'template: log-tag:1: unexpected {{end}}'],
  ];
  for (const [template, message] of cases) it(template, () => expect(() => render(template)).toThrow(message));
});
