package demodata
import ("testing";"fmt")
func TestDump(t *testing.T){ items,_:=Load(); seen:=map[string]bool{}; c:=0
for _,i:=range items { n,ok:=i.Notification(); if ok {c++}; k:=i.Event+n.Body+n.Title; if !ok||seen[k]{continue}; seen[k]=true; fmt.Printf("%s | %s | %s | %s\n    %s\n", i.Event,n.Type,n.Category,n.Title,n.Body)}; fmt.Println(c)}
