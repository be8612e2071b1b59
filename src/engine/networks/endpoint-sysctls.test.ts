import { expect, it } from 'vitest';
import { endpointSysctls, endpointSysctlsError } from './endpoint-sysctls.js';

const OPTION = 'com.docker.network.endpoint.sysctls';

it('names the interface', () => {
  const option = { [OPTION]: 'net.ipv4.conf.IFNAME.log_martians=1,net.ipv6.conf.IFNAME.mtu=1400' };
  expect(endpointSysctlsError(option)).toBeNull();
  expect(endpointSysctls(option, 'eth1')).toEqual({
    'net.ipv4.conf.eth1.log_martians': '1',
    'net.ipv6.conf.eth1.mtu': '1400',
  });
});

it('is nothing where there is no option', () => {
  expect(endpointSysctlsError(null)).toBeNull();
  expect(endpointSysctls({ other: 'x' }, 'eth0')).toEqual({});
});

it.each(['nonsense', 'net.ipv4.conf.eth0.log_martians=1', 'kernel.x.IFNAME.y=1'])('refuses %s', (setting) => {
  expect(endpointSysctlsError({ [OPTION]: setting })).toContain(`unrecognised network interface sysctl '${setting}'`);
});
