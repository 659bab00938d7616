//go:build zoo

package engine

// zooServers lists the servers and databases of the zoo: what an application's entry loads.
func zooServers() []zooPackage {
	return []zooPackage{
		{name: "express"},
		{name: "express4"},
		{name: "koa"},
		{name: "koa2"},
		{name: "egg"},
		{name: "egg3"},
		{name: "mysql2"},
		{name: "mysql22"},
		{name: "ioredis"},
		{name: "ioredis4"},
		{name: "mongoose"},
		{name: "mongoose5"},
		{name: "sequelize"},
		{name: "sequelize5"},
	}
}
