const ROUTES = {
  4: 'ip route add default via 10.99.0.1',
  6: 'ip -6 route add default via fd00:99::1',
};

/**
 * Setup text for a daemon's namespaces: another machine behind a veth, in the network namespace `outside`. 10.99.0.1 and fd00:99::1 are the
 * daemon's, 10.99.0.2 and fd00:99::2 the neighbour's, who routes everything to us, of these families.
 */
export const neighbour = (...families: (4 | 6)[]): string => `
  mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns && ip netns add outside
  ip link add up0 type veth peer name down0 netns outside
  ip addr add 10.99.0.1/24 dev up0 && ip addr add fd00:99::1/64 dev up0 nodad && ip link set up0 up
  ip netns exec outside sh -c 'ip link set lo up; ip addr add 10.99.0.2/24 dev down0; ip addr add fd00:99::2/64 dev down0 nodad
    ip link set down0 up; ${families.map((family) => ROUTES[family]).join('; ')}'
`;
